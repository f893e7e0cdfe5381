//! A way to the broker on which a test chooses the connections: each client gets one that the test likes, whatever shard the broker
//! would have given it.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::wire;

/// A listener that is bound, before the broker is known.
#[derive(Debug)]
pub struct Proxy {
    listener: TcpListener,
}

impl Proxy {
    pub fn bind() -> Self {
        Self { listener: TcpListener::bind(("127.0.0.1", 0)).expect("a port is free") }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound listener")
    }

    /// Passes on, for as long as the process lives, what clients and the broker say to each other, on connections that `likes` takes.
    pub fn serve(
        self,
        broker: SocketAddr,
        likes: impl Fn(&mut wire::Connection) -> bool + Send + Sync + 'static,
    ) {
        let likes = Arc::new(likes);
        thread::spawn(move || {
            while let Ok((client, _)) = self.listener.accept() {
                let likes = likes.clone();
                thread::spawn(move || {
                    let server = loop {
                        let mut connection = wire::Connection::open(broker);
                        if likes(&mut connection) {
                            break connection.stream;
                        }
                    };
                    join(client, server);
                });
            }
        });
    }
}

fn join(client: TcpStream, server: TcpStream) {
    client.set_nodelay(true).expect("an open socket");
    server.set_read_timeout(None).expect("an open socket");
    let way_back = (server.try_clone(), client.try_clone());
    let (Ok(from), Ok(to)) = way_back else { panic!("a descriptor is free") };
    thread::spawn(move || pass(from, to));
    pass(client, server);
}

/// Until one side ends; then the other is told.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    // An error is an end too: the sides then see it as the connection's.
    let _: io::Result<u64> = io::copy(&mut from, &mut to);
    let _: io::Result<()> = to.shutdown(Shutdown::Both);
    let _: io::Result<()> = from.shutdown(Shutdown::Both);
}
