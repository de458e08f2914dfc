# The menu: `just` alone shows it. Each recipe is a line or two of cargo, which does all of it without just too.

# Quote what is passed on as the caller did.
set positional-arguments

[private]
default:
    @{{ just_executable() }} --list --unsorted --list-heading {{ quote("Unix Tricks from a Unicorn\n") }}

# The whole course in a browser, served on this machine (--no-open, --port N)
[group('the book')]
book *args:
    cargo lab "$@"

# 0 · syscalls: a program asks, the kernel answers
[group('the chapters, each with its programs: `just chapter-1 list`')]
[no-exit-message]
chapter-0 program="raw_write" *args:
    @{{ just_executable() }} _program syscalls "$@"

# 1 · fork: one process goes in, two come out
[group('the chapters, each with its programs: `just chapter-1 list`')]
[no-exit-message]
chapter-1 program="fork_twice" *args:
    @{{ just_executable() }} _program fork "$@"

# 2 · pipe: bytes from one process to another
[group('the chapters, each with its programs: `just chapter-1 list`')]
[no-exit-message]
chapter-2 program="pipe_hello" *args:
    @{{ just_executable() }} _program pipe "$@"

# 3 · select: waiting for more than one thing
[group('the chapters, each with its programs: `just chapter-1 list`')]
[no-exit-message]
chapter-3 program="two_sockets" *args:
    @{{ just_executable() }} _program select "$@"

# 4 · signals: being interrupted, and choosing when
[group('the chapters, each with its programs: `just chapter-1 list`')]
[no-exit-message]
chapter-4 program="quit_cleanup" *args:
    @{{ just_executable() }} _program signals "$@"

# 5 · self-pipe: a signal you can select on
[group('the chapters, each with its programs: `just chapter-1 list`')]
[no-exit-message]
chapter-5 program="selfpipe_min" *args:
    @{{ just_executable() }} _program self-pipe "$@"

# 6 · execve: the same process, another program
[group('the chapters, each with its programs: `just chapter-1 list`')]
[no-exit-message]
chapter-6 program="launch_editor" *args:
    @{{ just_executable() }} _program execve "$@"

# 7 · mini-unicorn: a preforking server
[group('the chapters, each with its programs: `just chapter-1 list`')]
[no-exit-message]
chapter-7 program="operator" *args:
    @{{ just_executable() }} _program mini-unicorn "$@"

# 8 · after: what Unix grew since
[group('the chapters, each with its programs: `just chapter-1 list`')]
[no-exit-message]
chapter-8 program="pidfd_supervisor" *args:
    @{{ just_executable() }} _program after "$@"

# Record a chapter's program, and draw what the kernel did for it (`just trace 2 pipe_hello`)
[group('see what the kernel did')]
[no-exit-message]
trace chapter *args:
    #!/bin/sh
    chapter=$1
    shift
    RECORD=yes exec {{ just_executable() }} "chapter-$chapter" "$@"

# Your next exercise, and how to begin
[group('the exercises')]
next *args:
    @cargo course next "$@"

# Check an exercise, by default the next one (`just check reap-all`)
[group('the exercises')]
[no-exit-message]
check *args:
    @cargo course check "$@"

# Check on each save; keys for a hint, the list, the next one
[group('the exercises')]
[no-exit-message]
watch *args:
    @cargo course watch "$@"

# One more hint, by default for the next exercise
[group('the exercises')]
[no-exit-message]
hint *args:
    @cargo course hint "$@"

# What is done, chapter by chapter
[group('the exercises')]
progress *args:
    @cargo course list "$@"

# mini-unicorn serves this very book (`just mini-unicorn 127.0.0.1:8080 --workers 4`)
[group('the unicorn')]
[no-exit-message]
mini-unicorn listen="127.0.0.1:8080" *args:
    cargo lab build
    cargo run --release --package mini-unicorn --bin mini-unicorn -- --app files:target/book --listen "$@"

# Run every test there is: programs, libraries, exercises, solutions, the book
[group('the workshop')]
test *args:
    cargo test "$@"

# What mini-unicorn costs: beside its limit, and beside unicorn, gunicorn and puma if installed (--quick, --seconds N)
[group('the workshop')]
bench-unicorn *args:
    cargo bench --quiet --package mini-unicorn --bench unicorn -- "$@"

# What recording costs, beside strace if that is installed
[group('the workshop')]
bench-recorder:
    cargo bench --quiet --package recorder --bench recorder

# How long a learner waits from a save to the verdict, beside `cargo build` alone
[group('the workshop')]
bench-course *args:
    cargo bench --quiet --package course --bench saves -- "$@"

# What must be clean before a commit: format, lints, tests, the book
[group('the workshop')]
preflight:
    cargo fmt --check
    cd exercises && cargo fmt --check
    cargo clippy --workspace --all-targets -- --deny warnings
    cargo test
    cargo lab build

# Use the book in a browser as a reader does: needs Node.js and Chromium (`just browser unicorn` for one scene)
[group('the workshop')]
browser *args:
    npm ci --silent --prefix crates/tools/lab/tests/browser
    cargo build --quiet --package lab
    node crates/tools/lab/tests/browser/lab.mjs "$@"

# Programs that try to break the grader, each contained, all of them in a pid namespace that ends in five minutes
[group('the workshop')]
hostile:
    #!/bin/sh
    set -eu
    pids_of_its_own="unshare $([ "$(id -u)" = 0 ] || echo --user --map-current-user) --fork --pid --kill-child --mount-proc"
    if ! $pids_of_its_own true; then
        echo "skipped, not passed: hostile programs (this machine refuses pid namespaces)"
        exit 0
    fi
    cargo test --quiet --package grader --test hostile --no-run
    timeout --signal KILL 300 $pids_of_its_own cargo test --package grader --test hostile -- --ignored

# Does a graded test notice what cargo-mutants changes in an answer? (`just mutants 'solutions/fork/*.rs'`)
[group('the workshop')]
mutants answers="solutions/*/*.rs" *args:
    #!/bin/sh
    set -eu
    answers=$1
    shift
    # Unchanged they must pass, which takes its time: so only those that are changed afterwards.
    TRIANGLE=$(ls $answers | sed '/^solutions\/tests/d; s/.*\///; s/\.rs$//' | paste --serial --delimiters ,)
    export TRIANGLE
    # A survivor is known by its place. Where an answer has changed, the list has to change, too.
    there=$(cargo mutants --package solutions --file 'solutions/*/*.rs' --list)
    if grep '^solutions/' solutions/MUTANTS.md | grep --line-regexp --fixed-strings --invert-match "$there"; then
        echo "error: solutions/MUTANTS.md lists what is not there any more" >&2
        exit 1
    fi
    # 2: there are survivors, and 3: a mutant took too long, which is as good as caught.
    status=0
    cargo mutants --package solutions --file "$answers" --exclude 'solutions/tests/*' --output target "$@" \
        --timeout 180 --build-timeout 900 -- --test triangle cargo_mutants -- --ignored || status=$?
    case $status in 0 | 2 | 3) ;; *) exit $status ;; esac
    # Those that nobody could notice are explained in a file; any other is a hole in a grader.
    ! {
        grep --line-regexp --fixed-strings --invert-match --file solutions/MUTANTS.md target/mutants.out/missed.txt
        grep --line-regexp --fixed-strings --file target/mutants.out/caught.txt solutions/MUTANTS.md | sed 's/^/was noticed: /'
    } | grep .

# Is each verdict the same each time, while all processors are busy? (`just again 100`, `just again 100 reap-all,two-branches`)
[group('the workshop')]
again times exercises="":
    TIMES="$1" TRIANGLE="$2" cargo test --package solutions --test triangle starters_fail -- --nocapture

# Write into the book what its programs print now, and record them anew
[group('the workshop')]
renew:
    SESSIONS=overwrite cargo test --quiet --package lab --test sessions
    RECORDINGS=overwrite cargo test --quiet --package lab --test recordings

# Format all code
[group('the workshop')]
fmt:
    cargo fmt
    cd exercises && cargo fmt

# Runs a chapter's program, or says which there are. Cargo is silent except for a first build.
[no-exit-message]
[private]
_program crate program *args:
    #!/bin/sh
    set -eu
    crate=$1 program=$2
    shift 2
    if [ ! -f "crates/$crate/src/bin/$program.rs" ]; then
        status=0
        case $program in list | -h | --help | help) ;; *)
            echo "error: the chapter on $crate has no program \`$program\`; it has:" >&2
            status=2
        esac
        for name in $(sed -n '/^\[\[bin/,$ s/^name = "\([a-z0-9_-]*\)"$/\1/p' "crates/$crate/Cargo.toml"); do
            [ ! -f "crates/$crate/src/bin/$name.rs" ] ||
                printf '  %-20s %s\n' "$name" "$(sed -n '1s/^\/\/! //p' "crates/$crate/src/bin/$name.rs")"
        done >&2
        exit "$status"
    fi
    # The server has a command line of its own, and says more about it than its first lines.
    case $program/${1-} in mini-unicorn/*) ;; */-h | */--help) exec sed -n 's/^\/\/! \{0,1\}//p' "crates/$crate/src/bin/$program.rs" ;; esac
    built=${CARGO_TARGET_DIR:-target}/debug/$program
    if [ -n "${RECORD-}" ]; then
        cargo build --quiet --package "$crate" --bin "$program"
        exec cargo recorder run -- "$built" "$@"
    fi
    [ -x "$built" ] || cargo build --package "$crate" --bin "$program"
    exec cargo run --quiet --package "$crate" --bin "$program" -- "$@"
