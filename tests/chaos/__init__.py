"""Chaos: random programs, faults and kills, and after each of them one `pulumi up` that must heal everything.

`python -m tests.chaos` runs stories until it is interrupted. A story is a stack with several rounds. Its random choices
depend only on a seed and its number, so that the same two values repeat it. In each round

1. the program changes at random (`program`), and shares change outside Pulumi,
2. faults are injected (`faults`), a random command runs, and in half of the rounds a process is killed (`kills`),
3. the faults end, and the commands that Pulumi asks for run: `pulumi cancel` for a lock that is left, and sometimes
   `pulumi refresh --clear-pending-creates` for interrupted operations (up works without it, too),
4. one `pulumi up` and one `pulumi preview` run, and cloud, state and program are compared (`story`).

A repeated story may end differently if a kill depends on real time: after some seconds, or after some lines of output.
Everything else is repeated exactly, also a kill at the n-th call or write.
"""
