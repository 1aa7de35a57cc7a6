"""How fast this repository trains and scores at the papers' own scale, on one card.

It is compared with the recipes that a reader would use today.

    make bench-gpu                       seven minutes on one GPU; a trial at tiny shapes where there is none
    python -m benchmarks.gpu --out FILE  the same, with a choice of shapes, minutes and precision
    python -m benchmarks.gpu --page      the table of docs/performance.md from the newest results/gpu_*.json

Weights are random, at true shapes: no checkpoint is needed, and speed does not depend on what the numbers
are. Everything is a ratio within one run: the ways take turns, after a check that
they give the same losses, gradients and scores. The file of results is written after every way, so that a run
that is cut off loses nothing.

    shapes    models, pictures and readers at true or tiny shapes
    work      how many floating-point operations a picture takes at least
    standing  how the shared model stands for a way of using it: patches, checkpointing, adapters, attention
    pictures  the pictures with their readers, and batches of them
    packing   sequences end to end without padding
    ways      recipes, tuned recipe, our own path, and single levers
    workloads what is compared with what
    measure   equality first, then time in turns, memory, ratios with their intervals, a profile
    record    aims and what was measured of them, and tables made of a file of results
"""
