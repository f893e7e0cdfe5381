//! What a shard does with its mail. Appends, fetches and questions about offsets are handled in the reader of the lanes, in the order
//! in which they came; what takes longer runs in a task of its own.

use std::rc::Rc;

use logan_shards::{self as shards, Queue};

use super::{Shell, applying, listener, shutdown, startup};
use crate::mail::{Answer, Mail, Shortage};
use crate::model::ImageVersion;

/// Reads this shard's lanes for as long as it lives.
pub(super) fn open(shell: &Rc<Shell>) {
    let shell = shell.clone();
    shards::spawn(Queue::Produce, async move {
        let mut received = Vec::new();
        loop {
            shell.router.mesh().receive(&mut received).await;
            for mail in received.drain(..) {
                on_mail(&shell, mail.message);
            }
        }
    })
    .detach();
}

fn on_mail(shell: &Rc<Shell>, mail: Mail) {
    if routed_by(&mail).is_some_and(|version| version > shell.context.version()) {
        shell.early.borrow_mut().push(mail);
        return;
    }
    match mail {
        Mail::Append(call, request) => shell.owner.on_append(call, *request),
        Mail::Fetch(call, request) => shell.owner.on_fetch(call, *request),
        Mail::FetchNow(call) => on_fetch_now(shell, call),
        Mail::Offsets(call, queries) => shell.owner.on_offsets(call, queries),
        Mail::Socket(handoff, place) => listener::on_socket(shell, handoff, place),
        Mail::MakeRoom(others) => listener::make_room(shell, others),
        Mail::Answer(number, answer) => shell.router.on_answer(number, *answer),
        Mail::Command(call, command) => {
            if let Some(commands) = &*shell.commands.borrow() {
                commands.command(call, *command);
            } else {
                tracing::error!("a metadata command came to a shard that does not run the quorum");
            }
        }
        Mail::Quorum(call) => {
            if let Some(commands) = &*shell.commands.borrow() {
                shell.router.answer(call, Answer::Quorum(commands.status()));
            } else {
                tracing::error!("a question about the quorum came to a shard that does not run it");
            }
        }
        Mail::Boot(call, boot) => in_background(shell, |shell| async move {
            let booted = startup::boot(&shell, *boot).await;
            shell.router.answer(call, Answer::Done(booted));
        }),
        Mail::Listen(call, addresses) => {
            shell.router.answer(call, Answer::Listening(listener::bind(shell, &addresses)));
        }
        Mail::Accept(call) => {
            listener::accept(shell);
            shell.router.answer(call, Answer::Done(Ok(())));
        }
        Mail::Image(call, update) => in_background(shell, |shell| async move {
            applying::apply(&shell, *update).await;
            read_early(&shell);
            shell.router.answer(call, Answer::Done(Ok(())));
        }),
        Mail::Drain(call) => in_background(shell, |shell| async move {
            shutdown::drain(&shell).await;
            shell.router.answer(call, Answer::Done(Ok(())));
        }),
        Mail::Stop(call) => in_background(shell, |shell| async move {
            let parts = shutdown::stop_volumes(&shell).await;
            shell.router.answer(call, Answer::Stopped(parts));
        }),
        Mail::End => shell.ended.set(),
    }
}

fn in_background<F: Future<Output = ()> + 'static>(shell: &Rc<Shell>, work: impl FnOnce(Rc<Shell>) -> F) {
    shards::spawn(Queue::Control, work(shell.clone())).detach();
}

/// The image by which a message was routed.
fn routed_by(mail: &Mail) -> Option<ImageVersion> {
    match mail {
        Mail::Append(_, request) => Some(request.image),
        Mail::Fetch(_, request) => Some(request.image),
        _ => None,
    }
}

/// A parked fetch is answered now; one that came early has nothing to wait for here.
fn on_fetch_now(shell: &Rc<Shell>, call: crate::mail::Call) {
    let early = {
        let mut early = shell.early.borrow_mut();
        let at = early.iter().position(|mail| matches!(mail, Mail::Fetch(of, _) if *of == call));
        at.map(|at| early.remove(at))
    };
    match early {
        Some(Mail::Fetch(call, mut request)) => {
            request.shortage = Shortage::Read;
            shell.owner.on_fetch(call, *request);
        }
        _ => shell.owner.on_fetch_now(call),
    }
}

/// Handles what came before the image that it was routed by, in the order in which it came.
fn read_early(shell: &Rc<Shell>) {
    let early = std::mem::take(&mut *shell.early.borrow_mut());
    for mail in early {
        on_mail(shell, mail);
    }
}
