from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.evaluation.errors import DataMissing
from analytics.evaluation.figures import as_table
from analytics.evaluation.tasks import TASKS, evaluation


class Command(BaseCommand):
    help = "Measures how good a learner is, by the protocol of docs/models.md, and prints the figures as a table."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--task", choices=sorted(TASKS), required=True)
        parser.add_argument("--seed", type=int, default=7, help="default: %(default)s")
        parser.add_argument("--data", type=Path, metavar="PATH", help="the file of a task that is judged on one")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["seed"] < 0:
            raise CommandError("--seed must not be negative.")
        evaluate = evaluation(options["task"])
        arguments = {} if options["data"] is None else {"data": options["data"]}
        if not arguments.keys() <= inspect.signature(evaluate).parameters.keys():
            raise CommandError(f"{options['task']} is judged on what is in the database: it takes no --data.")
        try:
            figures = evaluate(options["seed"], self._tell, **arguments)
        except DataMissing as missing:
            raise CommandError(str(missing)) from missing
        self.stdout.write(as_table(figures))

    def _tell(self, text: str) -> None:
        self.stderr.write(text)
