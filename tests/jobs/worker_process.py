"""A worker process with the probe actors: `workers.main worker` in all but where actors come from."""

import os
import sys

from marketplace.infra.log import configure_logging
from marketplace.infra.settings import load_settings
from tests.jobs import probes
from workers.main import run_worker
from workers.registration import QUEUES, collect

settings = load_settings(os.environ)
configure_logging(settings, "worker")
sys.exit(run_worker(settings, collect([probes]), tuple(QUEUES)))
