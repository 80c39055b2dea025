# Runs the program that comes on standard input. On standard output it says when
# it begins and how the program ended, each after the word that opens the input. The
# program's own output goes nowhere, it sees an empty input and, as in the harness, no
# names but its own.
def _run():
    import os, sys

    memory, sys.path[:], sys.argv[:] = int(sys.argv[1]), sys.argv[2:], [""]
    with open(0, "rb", closefd=False) as stdin:
        word, _, program = stdin.read().partition(b"\n")
    if memory:
        from resource import RLIMIT_AS, setrlimit

        setrlimit(RLIMIT_AS, (memory, memory))
    status = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    write, leave, show = os.write, os._exit, sys.__excepthook__
    write(status, word + b" ")
    try:
        exec(compile(program.decode(), "<program>", "exec"), {})
        end = b"passed"
    except BaseException as e:
        end = b"error"
        for kind, name in (AssertionError, b"assertion"), (MemoryError, b"memory"), (SystemExit, b"exit"):
            if isinstance(e, kind):
                end = name
        try:
            show(type(e), e, e.__traceback__)
            sys.stderr.flush()
        except BaseException:
            pass  # a report that cannot be written changes nothing about the end
    write(status, word + b" " + end)
    leave(0)


_run()
