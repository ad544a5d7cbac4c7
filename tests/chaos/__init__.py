"""Chaos: random programs, faults and kills, and after each of them one `pulumi up` that must put everything right.

`python -m tests.chaos` tells stories until it is interrupted. A story is a stack with some rounds; its randomness comes
from a seed and its number, so that the same two tell it again. In each round

1. the program changes at random (`program`), and so does the cloud behind its back,
2. faults are let loose (`faults`), a random command runs, and in half of the rounds somebody is killed (`kills`),
3. the faults end, and what Pulumi itself asks for is done: `pulumi cancel` for a lock that was left, and sometimes
   `pulumi refresh --clear-pending-creates` for the operations that were interrupted (without, up goes on all the same),
4. one `pulumi up` and one `pulumi preview` run, and cloud, state and program are compared (`story`).

A round of which only the kill is a matter of real time (so many seconds, so many lines of output) may end differently
when it is told again; everything else, a kill at the n-th call or write among it, is the same.
"""
