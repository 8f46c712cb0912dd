"""Decoding in a process of its own for each upload, bounded in time and memory; a crash ends one request.

`decoder` is what the server calls. `fork_server` is a process beside it that has all decoders in memory and
forks a child for each upload, which is quicker than starting one: `upload` is what the child does, `bounds`
what it may use. Compressed DICOM frames go one process further (`codec`), so that a damaged frame costs one
file of a series. Linux only; elsewhere uploads are decoded in the server's process.
"""
