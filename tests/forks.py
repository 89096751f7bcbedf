"""A server that has imported everything once and forks the processes that tests ask for.

A process that imports torch, Lightning and scikit-learn itself takes seconds before it begins.
"""

import multiprocessing

METHOD = "forkserver"
CONTEXT = multiprocessing.get_context(METHOD)
CONTEXT.set_forkserver_preload(
    ["common.runs.run", "tests.system.builders_of_texts", "sklearn.datasets"]
)
