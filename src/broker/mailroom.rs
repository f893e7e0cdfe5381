//! What a shard does with its mail. Appends, fetches and questions about offsets are handled in the reader of the lanes, in the order
//! in which they came; what takes longer runs in a task of its own.

use std::rc::Rc;

use logan_shards::{self as shards, Queue};

use super::startup::boot;
use super::{Shell, applying, failing, listener, shutdown};
use crate::mail::{Answer, FetchAnswer, FetchOf, Mail, WhenShort};
use crate::model::{ImageVersion, RegistrationId};

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
        Mail::Unregister(id) => {
            give_up_early(shell, id);
            shell.owner.on_unregister(id);
        }
        Mail::Offsets(call, request) => shell.owner.on_offsets(call, request.queries),
        Mail::Socket(handoff, place) => listener::on_socket(shell, handoff, place),
        Mail::MakeRoom(others) => listener::make_room(shell, others),
        Mail::Answer(number, answer) => shell.router.on_answer(number, *answer),
        Mail::Command(call, command) => shell.commands().command(call, *command),
        Mail::Quorum(call) => {
            let status = shell.commands().status();
            shell.router.answer(call, Answer::Quorum(status));
        }
        Mail::LostDirectory(place) => {
            in_background(shell, move |shell| async move { failing::lose_directory(&shell, place).await });
        }
        Mail::Boot(call, boot) => in_background(shell, |shell| async move {
            let booted = boot::boot(&shell, *boot).await;
            shell.router.answer(call, Answer::Done(booted));
        }),
        Mail::CreateMissing(call) => in_background(shell, |shell| async move {
            boot::create_missing(&shell).await;
            shell.router.answer(call, Answer::Done(Ok(())));
        }),
        Mail::Listen(call, addresses) => {
            shell.router.answer(call, Answer::Listening(listener::bind(shell, &addresses)));
        }
        Mail::Accept(call) => {
            listener::accept(shell);
            shell.router.answer(call, Answer::Done(Ok(())));
        }
        Mail::Image(call, update) => in_background(shell, |shell| async move {
            let _turn = shell.applying.lock().await;
            let gone = applying::apply(&shell, *update).await;
            read_early(&shell);
            // Requests do not wait for it, but the next image does: a name that is free now may be given again.
            applying::delete_logs(&shell, gone).await;
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
        Mail::Offsets(_, request) => Some(request.image),
        _ => None,
    }
}

/// Fetches of a registration that wait for an image would register it again. Nobody waits for them any more, but their calls are open until
/// they are answered.
fn give_up_early(shell: &Rc<Shell>, id: RegistrationId) {
    for mail in shell.early.take() {
        match mail {
            Mail::Fetch(call, request) if matches!(request.of, FetchOf::Session(of, _) if of == id) => {
                shell.router.answer(call, Answer::Fetch(FetchAnswer::default()));
            }
            other => shell.early.borrow_mut().push(other),
        }
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
            request.when_short = WhenShort::Read;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use logan_shards::sim::{SimOptions, Simulation};

    use super::super::{Loads, Mutations, Plan};
    use super::*;
    use crate::config::Settings;
    use crate::mail::Call;

    /// A shard of a node without a quorum is asked about it.
    #[test]
    #[should_panic(expected = "questions to the quorum are sent to its shard")]
    fn a_question_to_the_quorum_on_another_shard_is_a_mistake_of_ours() {
        let options = SimOptions { report: false, ..SimOptions::calm(1) };
        let simulation = Simulation::new(options);
        let settings = Settings::read(None, &[], "here").expect("defaults go together");
        let plan = Plan {
            settings: Arc::new(settings),
            accept_loss: false,
            report: Arc::new(|_| {}),
            takeover_records: 1,
            metadata_limits: logan_raft::Limits::standard(),
            mutations: Mutations::default(),
            loads: Loads::new(1),
        };
        simulation.add_node::<Mail>("node", 1, move |seat| {
            let call = Call { shard: seat.shard, number: 0 };
            let shell = Shell::new(seat, plan.clone());
            Box::pin(async move { on_mail(&shell, Mail::Quorum(call)) })
        });
        simulation.run_for(Duration::from_secs(1));
    }
}
