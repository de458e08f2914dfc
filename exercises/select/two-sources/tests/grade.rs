//! What `two-sources` hears while it sleeps. The test is its clients, and its master: the write end of its standard input.

mod awake;

use awake::*;
use grader::facts::end_by_itself;
use grader::{Exit, Folder, Process, Run, Running, Seen, State, Verdict};
use nix::sys::socket::{self, AddressFamily, Shutdown, SockFlag, SockType, UnixAddr};
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::Duration;

/// How long a client waits for a word; a right answer never comes near.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many clients there are when the master speaks.
const CLIENTS: usize = 60;
struct Worker {
    running: Running,
    folder: Folder,
    /// It has greeted somebody.
    greets: bool,
    /// Another thread does all of it.
    in_a_thread: bool,
}

impl Worker {
    /// Starts it, and waits until it sleeps. Fails if it never does.
    fn start() -> Self {
        let folder = Folder::new();
        let run = Run::new(grader::program!("two-sources")).arg(folder.path().join("socket"));
        let running = run.may_write(folder.path()).stdin_later().start();
        let mut worker = Self { running, folder, greets: false, in_a_thread: false };
        // Its socket is there before it sleeps in `work`.
        let socket = worker.folder.path().join("socket");
        let there = worker.running.until(|_| socket.exists().then_some(()));
        if there.is_err() {
            worker.running.finish().must_end();
            unreachable!("a socket is made before `work` is called");
        }
        worker.must_sleep()
    }

    fn must_sleep(mut self) -> Self {
        let asleep = self.running.until(|now| {
            let worker = now.program().filter(|p| p.state == State::Sleeping)?;
            // Who is made for one client is about to end.
            let mut others = now.others().filter(|p| p.state != State::Zombie).peekable();
            let alone = others.peek().is_none();
            let still = others.all(|p| p.state == State::Sleeping);
            let (clock, call) = (worker.goes_by_the_clock(), worker.call_name());
            let in_a_thread = alone && one_thread_does_all(worker);
            still.then(|| (clock, alone, call, now.describe(worker), in_a_thread))
        });
        if let Ok((true, _, _, does, _)) = &asleep {
            Verdict::new("The worker sleeps by the clock: it gets up to look whether there is something to do.")
                .saw(format!("the worker {does}, with a timeout"))
                .ask("Who could wake it, and at which moment? What is the timeout there for?")
                .fail();
        }
        if let Ok((_, true, Some("read"), does, _)) = &asleep
            && self.greets
        {
            Verdict::new("The worker doesn't sleep for two things in one call: after a client it sleeps in read, for its master's word only.")
                .saw(format!("a client was greeted, and then the worker {does}"))
                .ask("Who hears of the next client there? Which call sleeps for both, and how many does it take for that?")
                .fail();
        }
        if let Ok((.., in_a_thread)) = &asleep {
            self.in_a_thread = *in_a_thread;
        }
        if let Ok((_, alone, call, does, false)) = &asleep
            && (!alone || self.greets && matches!(call, Some("futex" | "wait4")))
        {
            somebody_else_does_half(does);
        }
        if let Ok((_, _, Some("accept" | "accept4"), does, _)) = &asleep
            && self.greets
        {
            Verdict::new("The worker doesn't sleep for two things in one call: it sleeps in accept, for clients only.")
                .saw(format!("clients are greeted, and the worker {does}"))
                .ask("What does accept hear of the pipe? Whoever hears it instead, how does it get the worker out of there in time?")
                .fail();
        }
        if asleep.is_err() {
            let outcome = self.running.finish();
            must_not_be_awake(&outcome);
            let now = &outcome.snapshot;
            if let Some(worker) = now.program().filter(|p| p.state == State::Sleeping)
                && outcome.exit == Exit::Deadline
            {
                somebody_else_does_half(&now.describe(worker));
            }
            outcome.must_end();
            Verdict::new("The worker has left, and nobody has told it to.")
                .saw(outcome.ending())
                .saw_all(outcome.complaint())
                .ask("What did it take for a word of its master? Or does it leave because of one client that has left?")
                .fail();
        }
        self
    }

    /// Has a client greeted. Fails if it is not.
    fn greet(mut self, number: usize) -> Self {
        let hello = UnixStream::connect(self.folder.path().join("socket")).and_then(|client| {
            let mut hello = String::new();
            self.running.client(client, PATIENCE).read_to_string(&mut hello).map(|_| hello)
        });
        if hello.as_deref().ok() == Some("hello\n") {
            self.greets = true;
            return self;
        }
        let now = self.running.snapshot();
        let call = now.program().filter(|p| p.blocked()).and_then(grader::Process::call_name);
        let verdict = match call {
            Some("read") => Verdict::new("The worker sleeps in read, and does not see its client.")
                .ask("Which call sleeps until there is something to read here or a client there?"),
            _ => Verdict::new("A client is there, and is not greeted.")
                .ask("Which call tells of it, and which one takes it?"),
        };
        verdict.saw(format!("client {number} has heard: {hello:?}")).saw_all(now.explain()).fail()
    }

    /// A client comes that has left already: whatever is said to it, nobody hears.
    fn meet_who_has_left(self) -> Self {
        let meet = || {
            let (flags, path) = (SockFlag::SOCK_CLOEXEC, self.folder.path().join("socket"));
            let client = socket::socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
            socket::shutdown(client.as_raw_fd(), Shutdown::Read)?;
            socket::connect(client.as_raw_fd(), &UnixAddr::new(&path)?)
        };
        if let Err(error) = meet() {
            Verdict::new("A client can't connect to the socket.")
                .saw(error.to_string())
                .ask("Who listens there, and until when?")
                .fail();
        }
        self.must_sleep()
    }

    /// Fails if it waits for a second word of its master, who has said one.
    fn must_not_read_on(&mut self) {
        let mut reads = false;
        // Twice: who has slept there when the word came is about to get up.
        let reads_on = self.running.until(|now| {
            let waits = now.program()?.waits_to_read(0) == Some(true);
            (std::mem::replace(&mut reads, waits) && waits).then(|| now.clone())
        });
        if let Ok(now) = reads_on {
            waits_for_more(&now).fail();
        }
    }

    /// The master says this, or is gone without a word. Fails unless the worker leaves, for that reason.
    fn told(mut self, word: &[u8], expected: &str) {
        if word.is_empty() {
            self.running.tell(word);
        } else {
            self.running.say(word);
        }
        if !word.is_empty() {
            self.must_not_read_on();
        }
        let outcome = self.running.finish();
        if outcome.exit == Exit::Deadline {
            must_not_sleep_on(&outcome, word);
        }
        outcome.must_end();
        let said = String::from_utf8_lossy(&outcome.stdout);
        // It may say more, of its clients.
        let is_it = |line: &str| line.trim_end().ends_with(expected);
        if outcome.exit != Exit::Code(0) || !said.lines().any(is_it) {
            Verdict::new("The worker has left, for another reason than its master's.")
                .saw(format!("expected: {expected:?}; said: {:?}", said.trim()))
                .saw(outcome.ending())
                .saw_all(outcome.complaint())
                .ask("What does read return at the end of a pipe, and what when somebody has written?")
                .fail();
        }
    }
}

#[test]
fn clients_are_greeted_while_the_master_says_nothing() {
    grader::worth(1);
    let worker = Worker::start().greet(1).must_sleep().greet(2).must_sleep().greet(3).must_sleep();
    if worker.in_a_thread {
        must_not_look_by_the_clock();
    }
}

#[test]
fn a_client_that_has_left_takes_the_worker_not_along() {
    grader::worth(1);
    Worker::start().greet(1).must_sleep().meet_who_has_left().greet(2).must_sleep();
}

#[test]
fn a_word_of_the_master_is_heard_at_once() {
    grader::worth(2);
    Worker::start().told(b"Q", "I was told to leave");
    Worker::start().greet(1).must_sleep().told(b"Q", "I was told to leave");
    must_not_starve_its_master();
}

/// Whether its first thread waits for the only other one, so that this one sleeps for whatever there is.
fn one_thread_does_all(worker: &Process) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{}/task", worker.host));
    worker.call_name() == Some("futex") && threads.is_ok_and(|threads| threads.count() == 2)
}

fn somebody_else_does_half(does: &str) -> ! {
    Verdict::new("The worker doesn't sleep for two things in one call: somebody else, a thread or a process, does the other half.")
        .saw(format!("clients are greeted, and the worker itself {does}"))
        .ask("Which call sleeps for both, and how many does it take for that?")
        .fail()
}

/// What another thread than the first sleeps in shows in a recording. Nobody speaks and nobody comes: fails if it gets up all the same.
fn must_not_look_by_the_clock() {
    let folder = Folder::new();
    let run = Run::new(grader::program!("two-sources")).arg(folder.path().join("socket"));
    let run = run.may_write(folder.path()).stdin_later().deadline(PATIENCE);
    let Some(seen) = run.recorded().record() else { return };
    let timed = |step: &&Seen| step.limit.is_some();
    if let Some(step) = seen.steps.iter().find(timed) {
        Verdict::new(
            "The worker sleeps by the clock: it gets up to look whether there is something to do.",
        )
        .saw(step.to_string())
        .ask("Who could wake it, and at which moment? What is the timeout there for?")
        .fail();
    }
}

/// The master speaks and is gone, and so many clients are there, both before the worker's first sleep. Fails if it greets them all before it hears, or hears
/// nothing but the end.
fn must_not_starve_its_master() {
    let folder = Folder::new();
    let socket = folder.path().join("socket");
    let run = Run::new(grader::program!("two-sources")).arg(&socket).may_write(folder.path());
    let (keep, clients) = mpsc::channel();
    let seen = run.stdin_later().recorded().record_meanwhile(&SLEEPS, move |_, master| {
        // Where it is refused, there is nobody to be greeted, and nothing to judge by.
        let _ = master.map(|mut master| master.write_all(b"Q"));
        for _ in 0..CLIENTS {
            let _ = keep.send(UnixStream::connect(&socket));
        }
    });
    let Some(seen) = seen else { return };
    drop(clients);
    let tells = |step: &&Seen| step.returns().is_some_and(|call| SLEEPS.contains(&call));
    let turns: Vec<_> = seen.steps.iter().filter(tells).collect();
    // By whichever call: `serve` is given.
    let greets = |step: &&Seen| step.begins().is_some() && step.sentence.contains("hello");
    let greeted = seen.steps.iter().filter(greets).count();
    if greeted >= CLIENTS {
        let how = if turns.len() > 1 { "one in each turn" } else { "all in one turn" };
        Verdict::new(format!("The worker does not hear its master while clients come: it greets all who wait, {how}, and only then looks at the pipe."))
            .saw(format!("its master had spoken when {CLIENTS} clients waited, and {greeted} were greeted"))
            .saw_all(turns.iter().take(3).map(ToString::to_string))
            .ask("What did the call say of the pipe, each time? When is it looked at, and what if there is always one client more?")
            .fail();
    }
    // Who sleeps otherwise has not been told anything.
    let begins = |step: &Seen| step.begins().is_some_and(|call| SLEEPS.contains(&call));
    if !seen.steps.iter().any(begins) {
        return;
    }
    seen.must(end_by_itself());
    // The master was gone by then, too, and it had spoken before.
    let said = String::from_utf8_lossy(&seen.outcome.stdout).into_owned();
    if said.lines().any(|line| line.ends_with("my master is gone")) {
        Verdict::new("The master has spoken and is gone, and the worker takes notice of its end, and not of its word.")
            .saw("one byte was written to the pipe, and then it was closed")
            .saw_all(turns.first().map(ToString::to_string))
            .saw(format!("said: {:?}", said.trim()))
            .ask("poll(2): which events does it tell of a pipe that has something in it, and no writer? Which of them says that nothing is left to read?")
            .fail();
    }
}

#[test]
fn a_master_that_is_gone_is_noticed() {
    grader::worth(2);
    Worker::start().told(b"", "my master is gone");
}
