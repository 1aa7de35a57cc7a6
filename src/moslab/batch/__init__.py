"""Running notebooks: what is due, one process each, and how it ended.

Imports run down this list and never up:

    runner      a whole batch: plan, run, compare, sum up
    plan        which notebooks have to run, and how long that should take
    folder      a profile's folder: locked, made ready, emptied
    failures    why a notebook failed, in one sentence
    execution   a notebook in a child process, beside one that becomes its kernel
    child       that process; its exit status says how it ended
    kernel      how the child executes cells: its own kernel, local sockets, progress on file
    waiting     the process that becomes the kernel when it is told
    tables      the plan and the summary, as they are printed
    progress    bars while a notebook runs
    tasks       a notebook of the plan, and how it ended
    validity    whether a finished result still holds
    comparison  verdicts against the committed reference's
    results     result records, local and committed
    parameters  the parameters cell of a notebook
    ledger      what was started and how it ended
    durations   seconds as words
"""
