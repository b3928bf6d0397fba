"""What the command lines do, as functions: ``isthmus-sdk`` and ``isthmus`` mount the same ones.

Each returns plain data and an exit code and prints nothing; remarks go to a ``notice`` callable.
"""
