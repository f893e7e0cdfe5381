//! TCP on non-blocking descriptors of our own: system calls straight into the caller's memory, and the executor's poll only when
//! there is nothing to read or no room to write.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::blocking::{Resource, blocking};
use super::{descriptors, executor};
use crate::net::NetError;
use crate::runtime::lock;

/// Connections that may wait to be accepted; the kernel cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// The most slices that one system call takes (the kernel's `UIO_MAXIOV`).
const SLICES_AT_ONCE: usize = 1024;
/// How long to wait when a connection cannot be accepted for want of descriptors or memory.
const OUT_OF_RESOURCES: Duration = Duration::from_millis(50);
/// Seconds of silence after which a peer is probed, between probes, and probes until it counts as gone.
const KEEPALIVE: (i32, i32, i32) = (120, 30, 4);

/// Addresses that shards of this process listen on, with how many do.
static LISTENING: Mutex<BTreeMap<SocketAddr, usize>> = Mutex::new(BTreeMap::new());

pub(crate) struct RealListener {
    fd: OwnedFd,
    address: SocketAddr,
}

impl RealListener {
    pub(crate) fn bind(address: &str) -> Result<Self, NetError> {
        if !address.starts_with(':') {
            return Self::bind_one(address);
        }
        // A socket of IPv6 takes connections of both families.
        match Self::bind_one(&format!("[::]{address}")) {
            Err(error) if is_without_ipv6(&error) => Self::bind_one(&format!("0.0.0.0{address}")),
            bound => bound,
        }
    }

    fn bind_one(address: &str) -> Result<Self, NetError> {
        let wanted = resolve(address)?;
        let failed = |operation, error: &io::Error| failed(address, operation, error);
        // Held throughout, so that two shards that start together do not probe against each other.
        let mut listening = lock(&LISTENING);
        if wanted.port() != 0 && !listening.contains_key(&wanted) {
            // SO_REUSEPORT would let us share the port with another process of the same user; without it the kernel says so.
            let probe = socket(&wanted).map_err(|error| failed("socket", &error))?;
            bind_to(&probe, &wanted).map_err(|error| failed("bind", &error))?;
        }
        let fd = socket(&wanted).map_err(|error| failed("socket", &error))?;
        set_option(&fd, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)
            .map_err(|error| failed("reuseport", &error))?;
        bind_to(&fd, &wanted).map_err(|error| failed("bind", &error))?;
        // SAFETY: no memory is passed.
        check(unsafe { libc::listen(fd.as_raw_fd(), BACKLOG) }).map_err(|error| failed("listen", &error))?;
        let address = address_of(&fd, libc::getsockname).map_err(|error| failed("getsockname", &error))?;
        *listening.entry(address).or_default() += 1;
        Ok(Self { fd, address })
    }

    pub(crate) fn local_address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) async fn accept(&self) -> Result<RealConnection, NetError> {
        // Thousands may wait at once, and must not keep the others from their turn.
        executor::yield_if_needed().await;
        loop {
            // SAFETY: no address is asked for, so no memory is passed.
            let fd = unsafe {
                libc::accept4(
                    self.fd.as_raw_fd(),
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                    libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
                )
            };
            if fd >= 0 {
                // SAFETY: just opened, and nobody else's.
                let connection = RealConnection::new(unsafe { OwnedFd::from_raw_fd(fd) });
                match connection {
                    Ok(connection) => return Ok(connection),
                    // Most likely its peer is gone already; the next one is waited for.
                    Err(error) => {
                        tracing::debug!(address = %self.address, %error, "a connection was lost as it came");
                        continue;
                    }
                }
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EAGAIN) => executor::readable(self.fd.as_raw_fd()).await,
                Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                    descriptors::take_notice(&error);
                    tracing::warn!(address = %self.address, %error, "a connection cannot be accepted yet");
                    executor::sleep(OUT_OF_RESOURCES).await;
                }
                // The connection is gone again, or is refused by a rule; the rest are errors that were pending on the new socket
                // (accept(2)).
                Some(
                    libc::EINTR
                    | libc::ECONNABORTED
                    | libc::EPROTO
                    | libc::EPERM
                    | libc::ENETDOWN
                    | libc::ENOPROTOOPT
                    | libc::EHOSTDOWN
                    | libc::ENONET
                    | libc::EHOSTUNREACH
                    | libc::EOPNOTSUPP
                    | libc::ENETUNREACH,
                ) => {}
                _ => return Err(failed(&self.local_address(), "accept", &error)),
            }
        }
    }
}

impl Drop for RealListener {
    fn drop(&mut self) {
        let mut listening = lock(&LISTENING);
        if let Some(count) = listening.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                listening.remove(&self.address);
            }
        }
    }
}

/// A connected socket. Its halves share it.
struct Socket {
    fd: OwnedFd,
    peer: SocketAddr,
    /// The last read got less than it had room for, so the next one would most likely find nothing.
    is_drained: Cell<bool>,
}

pub(crate) struct RealConnection(Socket);
pub(crate) struct RealHandoff(Socket);
pub(crate) struct RealReader(Rc<Socket>);
pub(crate) struct RealWriter(Rc<Socket>);

impl RealConnection {
    fn new(fd: OwnedFd) -> io::Result<Self> {
        let peer = unmapped(address_of(&fd, libc::getpeername)?);
        set_option(&fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
        set_option(&fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)?;
        set_option(&fd, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, KEEPALIVE.0)?;
        set_option(&fd, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, KEEPALIVE.1)?;
        set_option(&fd, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, KEEPALIVE.2)?;
        Ok(Self(Socket { fd, peer, is_drained: Cell::new(false) }))
    }

    pub(crate) async fn connect(address: &str) -> Result<Self, NetError> {
        let peer = if let Ok(literal) = address.parse() {
            literal
        } else {
            let name = address.to_owned();
            blocking(Resource::Resolver, move || resolve(&name)).await?
        };
        let failed = |operation, error: &io::Error| failed(address, operation, error);
        let fd = socket(&peer).map_err(|error| failed("socket", &error))?;
        let (storage, length) = to_kernel(&peer);
        // SAFETY: `storage` holds an address of `length` bytes.
        let result = check(unsafe { libc::connect(fd.as_raw_fd(), (&raw const storage).cast(), length) });
        if let Err(error) = result {
            if error.raw_os_error() != Some(libc::EINPROGRESS) {
                return Err(failed("connect", &error));
            }
            executor::writable(fd.as_raw_fd()).await;
            let error = get_option(&fd, libc::SOL_SOCKET, libc::SO_ERROR)
                .map_err(|error| failed("connect", &error))?;
            if error != 0 {
                return Err(failed("connect", &io::Error::from_raw_os_error(error)));
            }
        }
        Self::new(fd).map_err(|error| failed("connect", &error))
    }

    pub(crate) fn peer_address(&self) -> String {
        self.0.peer.to_string()
    }

    pub(crate) fn local_address(&self) -> String {
        // A connected socket has an address as long as it is open; a wildcard stands in should the kernel think otherwise.
        address_of(&self.0.fd, libc::getsockname)
            .map_or_else(|_| "0.0.0.0:0".to_owned(), |address| unmapped(address).to_string())
    }

    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, NetError> {
        self.0.read(buffer).await
    }

    pub(crate) async fn write_all(&mut self, slices: &[Bytes]) -> Result<(), NetError> {
        self.0.write_all(slices).await
    }

    pub(crate) fn shutdown(&self) {
        self.0.shutdown();
    }

    pub(crate) fn split(self) -> (RealReader, RealWriter) {
        let socket = Rc::new(self.0);
        (RealReader(socket.clone()), RealWriter(socket))
    }

    pub(crate) fn into_handoff(self) -> RealHandoff {
        RealHandoff(self.0)
    }

    pub(crate) fn adopt(handoff: RealHandoff) -> Self {
        Self(handoff.0)
    }
}

impl RealReader {
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, NetError> {
        self.0.read(buffer).await
    }

    pub(crate) async fn receive<const MAX: usize>(&mut self, into: &mut BytesMut) -> Result<usize, NetError> {
        self.0.receive::<MAX>(into).await
    }

    pub(crate) async fn read_and_beyond<const MAX: usize>(
        &mut self,
        buffer: &mut [u8],
        beyond: &mut BytesMut,
    ) -> Result<usize, NetError> {
        self.0.read_and_beyond::<MAX>(buffer, beyond).await
    }

    pub(crate) fn shutdown(&self) {
        self.0.shutdown();
    }
}

impl RealWriter {
    pub(crate) async fn write_all(&mut self, slices: &[Bytes]) -> Result<(), NetError> {
        self.0.write_all(slices).await
    }

    pub(crate) async fn write(&mut self, slices: &[Bytes]) -> Result<usize, NetError> {
        self.0.write(slices).await
    }

    pub(crate) fn shutdown(&self) {
        self.0.shutdown();
    }
}

impl Socket {
    fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    async fn read(&self, buffer: &mut [u8]) -> Result<usize, NetError> {
        self.until_some(|| self.try_read([buffer, &mut []])).await
    }

    async fn receive<const MAX: usize>(&self, into: &mut BytesMut) -> Result<usize, NetError> {
        self.until_some(|| {
            let mut buffer = [0; MAX];
            let got = self.try_read([&mut buffer, &mut []])?;
            into.extend_from_slice(&buffer[..got.unwrap_or(0)]);
            Ok(got)
        })
        .await
    }

    async fn read_and_beyond<const MAX: usize>(
        &self,
        buffer: &mut [u8],
        beyond: &mut BytesMut,
    ) -> Result<usize, NetError> {
        self.until_some(|| {
            let mut next = [0; MAX];
            let got = self.try_read([buffer, &mut next])?;
            let within = got.map(|got| got.min(buffer.len()));
            beyond.extend_from_slice(&next[..got.unwrap_or(0) - within.unwrap_or(0)]);
            Ok(within)
        })
        .await
    }

    /// Reads, with `try_read`, once there is something.
    async fn until_some(
        &self,
        mut try_read: impl FnMut() -> Result<Option<usize>, NetError>,
    ) -> Result<usize, NetError> {
        // A peer that is never silent must not keep the others from their turn.
        executor::yield_if_needed().await;
        if self.is_drained.replace(false) {
            executor::readable(self.fd()).await;
        }
        loop {
            if let Some(got) = try_read()? {
                return Ok(got);
            }
            executor::readable(self.fd()).await;
        }
    }

    /// Reads what is there into the first buffer, then the second. `None` if nothing is.
    fn try_read(&self, [first, second]: [&mut [u8]; 2]) -> Result<Option<usize>, NetError> {
        let room = first.len() + second.len();
        let mut vectors = [first, second]
            .map(|part| libc::iovec { iov_base: part.as_mut_ptr().cast(), iov_len: part.len() });
        loop {
            let got = if vectors[1].iov_len == 0 {
                // SAFETY: `first` is valid for writing, with its length.
                unsafe { libc::recv(self.fd(), vectors[0].iov_base, vectors[0].iov_len, libc::MSG_DONTWAIT) }
            } else {
                // SAFETY: all-zero bytes are a valid value of this plain structure.
                let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
                message.msg_iov = vectors.as_mut_ptr();
                message.msg_iovlen = vectors.len();
                // SAFETY: the vectors point to buffers that are borrowed exclusively here, with their lengths.
                unsafe { libc::recvmsg(self.fd(), &raw mut message, libc::MSG_DONTWAIT) }
            };
            if got >= 0 {
                self.is_drained.set((got as usize) < room);
                return Ok(Some(got as usize));
            }
            match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(failed(&self.peer.to_string(), "read", &error)),
            }
        }
    }

    async fn write_all(&self, slices: &[Bytes]) -> Result<(), NetError> {
        executor::yield_if_needed().await;
        let mut rest = Rest::of(slices);
        while !rest.is_empty() {
            rest.advance(self.send(&rest).await?);
        }
        Ok(())
    }

    async fn write(&self, slices: &[Bytes]) -> Result<usize, NetError> {
        executor::yield_if_needed().await;
        let rest = Rest::of(slices);
        if rest.is_empty() { Ok(0) } else { self.send(&rest).await }
    }

    /// Sends what there is room for, once there is room.
    async fn send(&self, rest: &Rest<'_>) -> Result<usize, NetError> {
        loop {
            match rest.send(self.fd()) {
                Ok(sent) => return Ok(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    executor::writable(self.fd()).await;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(&self.peer.to_string(), "write", &error)),
            }
        }
    }

    fn shutdown(&self) {
        // SAFETY: no memory is passed. It fails only on a socket that the peer has ended already, which is as well.
        unsafe { libc::shutdown(self.fd(), libc::SHUT_RDWR) };
    }
}

/// What is left of a vectored write: `slices[first..]`, without the first `skip` bytes.
struct Rest<'a> {
    slices: &'a [Bytes],
    first: usize,
    skip: usize,
}

impl<'a> Rest<'a> {
    fn of(slices: &'a [Bytes]) -> Self {
        let mut rest = Self { slices, first: 0, skip: 0 };
        // Empty slices at the front.
        rest.advance(0);
        rest
    }

    fn is_empty(&self) -> bool {
        self.first == self.slices.len()
    }

    fn advance(&mut self, sent: usize) {
        self.skip += sent;
        while let Some(slice) = self.slices.get(self.first)
            && self.skip >= slice.len()
        {
            self.skip -= slice.len();
            self.first += 1;
        }
    }

    fn send(&self, fd: RawFd) -> io::Result<usize> {
        let slices = &self.slices[self.first..];
        let sent = if slices.len() == 1 {
            let slice = &slices[0][self.skip..];
            // SAFETY: `slice` is valid for reading, with its length.
            unsafe {
                libc::send(fd, slice.as_ptr().cast(), slice.len(), libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
            }
        } else {
            let mut skip = self.skip;
            let vectors: Vec<libc::iovec> = slices
                .iter()
                .take(SLICES_AT_ONCE)
                .map(|slice| {
                    let slice = &slice[std::mem::take(&mut skip)..];
                    libc::iovec { iov_base: slice.as_ptr().cast_mut().cast(), iov_len: slice.len() }
                })
                .collect();
            // SAFETY: all-zero bytes are a valid value of this plain structure.
            let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
            message.msg_iov = vectors.as_ptr().cast_mut();
            message.msg_iovlen = vectors.len();
            // SAFETY: the vectors point to slices that are borrowed here; the kernel only reads them.
            unsafe { libc::sendmsg(fd, &raw const message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) }
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
    }
}

fn failed(address: &str, operation: &'static str, error: &io::Error) -> NetError {
    let (address, message) = (address.to_owned(), error.to_string());
    match error.raw_os_error() {
        Some(libc::EADDRINUSE) => NetError::AddressInUse { address },
        Some(libc::ECONNREFUSED) => NetError::Refused { address },
        Some(libc::ECONNRESET | libc::EPIPE | libc::ENOTCONN | libc::ETIMEDOUT | libc::ECONNABORTED) => {
            NetError::Lost { address, message }
        }
        Some(libc::EADDRNOTAVAIL) => NetError::BadAddress { address, message },
        errno => NetError::Failed { address, operation, errno: errno.unwrap_or(0), message },
    }
}

pub(crate) async fn addresses_of(host: &str) -> Result<Vec<String>, NetError> {
    if let Ok(literal) = host.parse::<IpAddr>() {
        return Ok(vec![literal.to_canonical().to_string()]);
    }
    let name = host.to_owned();
    blocking(Resource::Resolver, move || {
        let found = (name.as_str(), 0).to_socket_addrs();
        let found =
            found.map_err(|error| NetError::BadAddress { address: name, message: error.to_string() })?;
        Ok(found.map(|address| address.ip().to_string()).collect())
    })
    .await
}

/// Asks the system's resolver, which may take long.
fn resolve(address: &str) -> Result<SocketAddr, NetError> {
    let bad = |message: String| NetError::BadAddress { address: address.to_owned(), message };
    if let Ok(literal) = address.parse() {
        return Ok(literal);
    }
    let mut found = address.to_socket_addrs().map_err(|error| bad(error.to_string()))?;
    found.next().ok_or_else(|| bad("the name has no address".to_owned()))
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn socket(address: &SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: no memory is passed.
    let fd = unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0) };
    check(fd)?;
    // SAFETY: just opened, and nobody else's.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    if address.is_ipv6() {
        // Whatever `net.ipv6.bindv6only` says: Java asks for both families, too.
        set_option(&fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 0)?;
    }
    Ok(fd)
}

/// What the kernel says to an address of IPv6 if it was built without it, or if that is switched off.
fn is_without_ipv6(error: &NetError) -> bool {
    matches!(error, NetError::BadAddress { .. } | NetError::Failed { errno: libc::EAFNOSUPPORT, .. })
}

fn bind_to(fd: &OwnedFd, address: &SocketAddr) -> io::Result<()> {
    // Connections of an earlier life that still linger are no reason to fail.
    set_option(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    let (storage, length) = to_kernel(address);
    // SAFETY: `storage` holds an address of `length` bytes.
    check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const storage).cast(), length) })
}

fn set_option(fd: &OwnedFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let size = size_of_val(&value) as libc::socklen_t;
    // SAFETY: `value` is valid for reading, with its size.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), size) })
}

fn get_option(fd: &OwnedFd, level: i32, name: i32) -> io::Result<i32> {
    let mut value = 0i32;
    let mut size = size_of_val(&value) as libc::socklen_t;
    // SAFETY: `value` is valid for writing, with its size.
    check(unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut size) })?;
    Ok(value)
}

type NameCall = unsafe extern "C" fn(i32, *mut libc::sockaddr, *mut libc::socklen_t) -> i32;

fn address_of(fd: &OwnedFd, call: NameCall) -> io::Result<SocketAddr> {
    // SAFETY: all-zero bytes are a valid value of this plain structure.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut length = size_of_val(&storage) as libc::socklen_t;
    // SAFETY: `storage` is valid for writing, with its length.
    check(unsafe { call(fd.as_raw_fd(), (&raw mut storage).cast(), &raw mut length) })?;
    from_kernel(&storage)
}

/// A socket of IPv6 shows an address of IPv4 within one of its own. Everybody else, Java included, writes it as it is.
fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn to_kernel(address: &SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all-zero bytes are a valid value of this plain structure.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let length = match address {
        SocketAddr::V4(v4) => {
            let name = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
                sin_zero: [0; 8],
            };
            // SAFETY: `sockaddr_storage` is large and aligned enough for every kind of address.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in>().write(name) };
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(v6) => {
            let name = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: as above.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in6>().write(name) };
            size_of::<libc::sockaddr_in6>()
        }
    };
    (storage, length as libc::socklen_t)
}

fn from_kernel(storage: &libc::sockaddr_storage) -> io::Result<SocketAddr> {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that this is what it holds.
            let name = unsafe { (&raw const *storage).cast::<libc::sockaddr_in>().read() };
            Ok((std::net::Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr)), u16::from_be(name.sin_port))
                .into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name = unsafe { (&raw const *storage).cast::<libc::sockaddr_in6>().read() };
            Ok((std::net::Ipv6Addr::from(name.sin6_addr.s6_addr), u16::from_be(name.sin6_port)).into())
        }
        family => Err(io::Error::other(format!("address family {family}"))),
    }
}
