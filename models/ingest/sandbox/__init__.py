"""Decoding in a process of its own for each upload, bounded in time and memory; a crash ends one request.

`decoder` is what the server calls. `fork_server` is a process beside it that has all decoders in memory and
forks a child for each upload, which is quicker than starting one: `job` is what the child does,
`restrictions` what it is kept from, and `result` what is believed of its answer, of whose sentences `sayable`
says how long they are. Linux only; elsewhere uploads are decoded in the server's process.
"""
