"""Embedded sets in the place of published ones: `like_spaq` is module `spaq`, and so on.

Each module describes one set: how its pictures are drawn, what its raters mind or like, and what it
publishes, over machinery that the sets share (`faults`, `single`, `appeal`, `opinions`, `authors`).
Pictures and labels are defined over the latents of `moslab.world.specs`. What a set shares with the
published one, and what it lacks, stands in datasets/stand_ins.yaml.

All constants were set by hand, to give every class a say and the scores a usual spread, and frozen in
November 2026 before any model was trained on one of the sets; none was fitted to a result or to a paper's
figure. A changed constant changes the set's version by itself (see `moslab.world.version`).
"""
