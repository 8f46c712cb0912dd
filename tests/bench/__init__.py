"""How quick the application is, side by side with what it could be: ``python -m tests.bench``.

Prints a table of what was measured, each row with its bound and whether it holds, and exits with 1 where one
does not. It is no test of the suite: it takes half an hour, and its figures are those of the machine.

    python -m tests.bench --out bench.json          all sections, and a file of the figures
    python -m tests.bench --only http,forward       some of them

Sections
--------
http
    A verdict (PNG crop in, JSON with all five models out) against the bare forward passes of the same eight
    views: at most 1.3; the result page, whose saliency maps come later, against the JSON: at most 1.2.
    Server, bare passes and all are one gunicorn with the configuration that is shipped; the client is
    another process.
forward
    The forward pass of each model against ONNX Runtime on the same weights, patches and threads: at most 1.3
    for eight patches; one patch is reported, too. Needs ``pip install -r tests/bench/requirements.txt``.
plain
    The usual tutorial on Flask and Keras (open, resize, ``model.predict`` for each model) against ours.
load
    1, 4, 16 and 64 clients at once: verdicts a second, percentiles, errors, refusals.
start, memory
    Until ready, and megabytes of all processes of the server before and after mixed requests.
profile
    In which functions of the project a verdict and a page spend their time.
series
    How long a series of 300 slices takes to read, and how much memory: not compressed, at most 4 s on two
    cores, and 2.2 times its pixel data.

What is compared takes turns, warm, and medians of many turns are divided, so that other load on the machine
hits all sides. Servers listen on 127.0.0.1 alone and are stopped at the end, and at Ctrl-C.
"""
