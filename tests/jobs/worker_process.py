"""A worker process with the probe actors: `workers.main worker` but for where actors come from.

Arguments are queues; without any it leaves the heavy one, whose printing processes cost a second
of start.
"""

import os
import sys

from marketplace.infra.log import configure_logging
from marketplace.infra.settings import load_settings
from tests.jobs import probes
from workers.main import leave, run_worker
from workers.registration import collect

settings = load_settings(os.environ)
configure_logging(settings, "worker")
queues = tuple(sys.argv[1:]) or ("light", "default")
look_seconds = float(os.environ.get("TEST_LOOK_SECONDS", "60"))
leave(run_worker(settings, collect([probes]), queues, look_seconds))
