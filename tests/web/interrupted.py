"""A part of the app in whose use another request, or another process, comes in between."""


class Interrupted:
    """The real part, where somebody acts each time one of its methods has done its work."""

    def __init__(self, part, method, act):
        self._part, self._method, self._act = part, method, act

    def __getattr__(self, name):
        called = getattr(self._part, name)

        def call(*arguments, **options):
            done = called(*arguments, **options)
            self._act()
            return done

        return call if name == self._method else called
