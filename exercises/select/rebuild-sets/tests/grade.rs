//! Whom `rebuild-sets` hears, and for how many turns. The test is the clients.

mod sleep;

use grader::{Client, Exit, Folder, Process, Run, Running, Seed, State, Verdict};
use sleep::*;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const CLIENTS: usize = 4;
const TURNS: usize = 20;
/// How long a client waits for an answer; a right one never comes near.
const PATIENCE: Duration = Duration::from_secs(2);
/// So much processor time is none that a program needs for going to sleep, twenty answers included.
const SPINNING: Duration = Duration::from_millis(300);

struct Server {
    running: Running,
    /// In the order in which they came; `None`: it has left.
    clients: Vec<Option<Client>>,
    /// How often each was answered.
    answered: [usize; CLIENTS],
    seed: Seed,
    /// Another thread does all of it.
    in_a_thread: bool,
    _folder: Folder,
}

impl Server {
    /// Starts it, connects all clients, and waits until it sleeps.
    fn start(seed: Seed) -> Self {
        Self::with(seed, |_| ()).must_sleep()
    }

    /// Starts it, and connects all clients. Before the last one comes, the others do this: it is there when the program first looks.
    fn with(seed: Seed, before: impl FnOnce(&mut [Option<UnixStream>])) -> Self {
        let folder = Folder::new();
        let socket = folder.path().join("socket");
        let run = Run::new(grader::program!("rebuild-sets")).arg(&socket).arg(CLIENTS.to_string());
        let mut running = run.may_write(folder.path()).deadline(Duration::from_secs(5)).start();
        let mut clients = Vec::new();
        let mut before = Some(before);
        let all = running.until(|_| {
            if clients.len() < CLIENTS {
                if clients.len() == CLIENTS - 1
                    && let Some(before) = before.take()
                {
                    before(&mut clients);
                }
                clients.push(Some(UnixStream::connect(&socket).ok()?));
            }
            (clients.len() == CLIENTS).then_some(())
        });
        if all.is_err() {
            running.finish().must_end();
            unreachable!("clients are accepted before `talk` is called");
        }
        let client = |stream: UnixStream| running.client(stream, PATIENCE);
        let clients = clients.into_iter().map(|stream| stream.map(client)).collect();
        Self { running, clients, answered: [0; CLIENTS], seed, in_a_thread: false, _folder: folder }
    }

    /// Fails unless it sleeps when nobody speaks.
    fn must_sleep(mut self) -> Self {
        let asleep = self.running.until(|now| {
            let program = now.program()?;
            let spins = program.state == State::Running && program.cpu >= SPINNING;
            if program.state != State::Sleeping && !spins {
                return None;
            }
            let others = now.others().count();
            let awake = spins.then(|| now.explain());
            let by_the_clock = program.goes_by_the_clock();
            let call = program.call_name();
            Some((awake, by_the_clock, others, call, now.describe(program), threads(program)))
        });
        let some_left = self.clients.iter().any(Option::is_none);
        if let Ok((Some(seen), ..)) = &asleep {
            never_sleeps(some_left).saw_all(seen.iter().cloned()).fail();
        }
        if let Ok((_, true, _, _, does, _)) = &asleep {
            by_the_clock(format!("the program {does}, with a timeout"));
        }
        // Where the first thread waits for the only other one, this one sleeps for all of them.
        if let Ok((_, _, 0, Some("futex"), _, 2)) = &asleep {
            self.in_a_thread = true;
        } else if let Ok((_, _, others, call, does, threads)) = &asleep
            && (*others > 0 || matches!(call, Some("futex" | "wait4")))
        {
            Verdict::new("It is not one that sleeps for all clients in one call: others, threads or processes, sleep for some of them.")
                .saw(format!("the program has {threads} threads, there are {others} more processes, and it {does} itself"))
                .ask("Which call sleeps for all of them, and how many does it take for that?")
                .fail();
        }
        if asleep.is_ok() {
            return self;
        }
        self.gone()
    }

    /// Fails if it has left, or never sleeps: whoever does not answer may be about to leave.
    fn must_be_there(mut self) -> Self {
        match self.running.until(|now| now.program()?.blocked().then_some(())) {
            Ok(()) => self,
            Err(_) => self.gone(),
        }
    }

    /// Why it does not sleep, and does not go on.
    fn gone(self) -> ! {
        let outcome = self.running.finish();
        must_not_be_awake(&outcome, self.clients.iter().any(Option::is_none));
        outcome.must_end();
        let left = self.clients.iter().filter(|client| client.is_none()).count();
        Verdict::new(if left > 0 {
            format!("The program leaves {} clients, since another one has left.", CLIENTS - left)
        } else {
            "The program leaves its clients.".to_owned()
        })
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .ask("When is the work done? And whom does it concern that one client can't be answered any more?")
        .fail()
    }

    /// A client (from 1) says a word. Fails unless it is answered.
    fn say(mut self, number: usize) -> Self {
        let word: String = (0..5).map(|_| self.seed.random().lowercase()).collect();
        let mut answer = [0; 5];
        let said = match &mut self.clients[number - 1] {
            Some(client) => {
                client.write_all(word.as_bytes()).and_then(|()| client.read_exact(&mut answer))
            }
            None => unreachable!("who has left says nothing"),
        };
        if said.is_ok() && answer == word.to_ascii_uppercase().as_bytes() {
            self.answered[number - 1] += 1;
            return self.must_sleep();
        }
        self = self.must_be_there();
        self.must_not_sleep_for_another(number);
        let now = self.running.snapshot();
        let others = self.answered.iter().sum::<usize>();
        let verdict = if others == 0 {
            Verdict::new(format!("Client {number} of {CLIENTS} has never been listened to."))
                .saw("it was the first to speak, and the last to come: its descriptor has the highest number")
                .ask("select(2): what is nfds, and which descriptor is the last that is looked at?")
        } else if self.answered[number - 1] == 0 {
            Verdict::new(format!("Client {number} speaks for the first time, and is not listened to."))
                .saw(format!("words of others that were answered so far: {others}"))
                .ask("Was it ever in the set, up to the highest descriptor that is looked at? And who is in it when select has returned?")
        } else {
            Verdict::new(format!("Client {number} is no longer listened to."))
                .saw(format!("so far, {others} words of others and its own were answered"))
                .ask("Who is in the set after select has returned, and who is when it is called again?")
        };
        verdict
            .saw(format!(
                "client {number} said {word:?}, and was answered: {:?}",
                String::from_utf8_lossy(&answer)
            ))
            .saw_all(now.explain())
            .replay(&self.seed)
            .fail()
    }

    /// Fails if it sleeps in a read for one client, while this one (from 1) has spoken.
    fn must_not_sleep_for_another(&self, number: usize) {
        let now = self.running.snapshot();
        let call = now.program().filter(|p| p.blocked()).and_then(Process::call_name);
        if matches!(call, Some("read" | "recvfrom")) {
            Verdict::new(format!("Client {number} speaks, and the program does not hear it: it sleeps for another one."))
                .saw_all(now.explain())
                .ask("Which call sleeps for all of them?")
                .replay(&self.seed)
                .fail();
        }
    }

    /// A client (from 1) says more than `answer` takes at a time. Fails unless all of it is answered.
    fn say_much(mut self, number: usize) -> Self {
        let much: String = (0..150).map(|_| self.seed.random().lowercase()).collect();
        let mut answer = [0; 150];
        let Some(client) = &mut self.clients[number - 1] else {
            unreachable!("who has left says nothing")
        };
        let said = client.write_all(much.as_bytes()).and_then(|()| client.read_exact(&mut answer));
        if said.is_err() || answer != *much.to_ascii_uppercase().as_bytes() {
            self = self.must_be_there();
            self.must_not_sleep_for_another(number);
            let heard = answer.iter().take_while(|byte| **byte != 0).count();
            Verdict::new(format!("Client {number} says much at a time, and what is left of that is never looked at."))
                .saw(format!("of 150 bytes, {heard} were answered; `answer` takes 64 at a time"))
                .saw_all(self.running.snapshot().explain())
                .ask("What does the call say of bytes that were there already? When does it say nothing of them?")
                .replay(&self.seed)
                .fail();
        }
        self.answered[number - 1] += 1;
        self.must_sleep()
    }

    /// A client (from 1) leaves.
    fn leave(mut self, number: usize) -> Self {
        self.clients[number - 1] = None;
        self
    }
}

#[test]
fn whoever_speaks_first_is_answered() {
    grader::worth(1);
    let server = Server::start(Seed::of("the last")).say(CLIENTS).say_much(1);
    if server.in_a_thread {
        must_not_look_by_the_clock();
    }
}

#[test]
fn in_twenty_turns_everybody_is_answered() {
    grader::worth(3);
    let mut order = Seed::of("order");
    let mut turns: Vec<usize> = (0..TURNS).map(|turn| 1 + turn % CLIENTS).collect();
    order.random().shuffle(&mut turns);
    turns.into_iter().fold(Server::start(Seed::of("twenty turns")), Server::say);
}

/// One has left, without a word or with one to which nobody hears the answer, and the next one has spoken, all before the program first looks.
fn must_hear_who_speaks_when_another_leaves(seed: Seed, last_word: &[u8]) {
    let mut server = Server::with(seed, |clients| {
        // As below.
        let _ = clients[0].take().map(|mut client| client.write_all(last_word));
        let speaks = clients[1].as_mut().map(|client| client.write_all(b"word"));
        // Where there is nobody to be heard by, the wait for the answer tells why.
        let _ = speaks;
    });
    let mut answer = [0; 4];
    let heard = server.clients[1].as_mut().is_some_and(|it| it.read_exact(&mut answer).is_ok());
    if !heard || answer != *b"WORD" {
        server = server.must_be_there();
        Verdict::new("Client 2 speaks at the moment at which client 1 leaves, and is not answered.")
            .saw_all(server.running.snapshot().explain())
            .ask("What was said of each client before the first one was taken out, and of whom is it said afterwards?")
            .fail();
    }
    server.answered[1] += 1;
    server.must_sleep().say(3).say(4).say(2);
}

#[test]
fn who_stays_is_answered_when_others_have_left() {
    grader::worth(2);
    must_hear_who_speaks_when_another_leaves(Seed::of("at once"), b"");
    must_hear_who_speaks_when_another_leaves(Seed::of("in the middle"), b"bye");
    let server = Server::start(Seed::of("leaving")).say(2).leave(2).must_sleep().say(3).say(1);
    let server = server.leave(1).must_sleep().say(4).leave(3).must_sleep().leave(4);
    let outcome = server.running.finish();
    must_not_be_awake(&outcome, true);
    if outcome.exit == Exit::Deadline && outcome.snapshot.program().is_some_and(Process::blocked) {
        Verdict::new("All clients have left, and the program sleeps on.")
            .saw_all(outcome.snapshot.explain())
            .ask("Who could still speak? When is the work done?")
            .fail();
    }
    outcome.must_end();
    if outcome.exit != Exit::Code(0) {
        Verdict::new("All clients have left, and the program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What does read return when a client has left, and is that an error?")
            .fail();
    }
}
