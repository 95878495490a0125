"""Two worker processes against one, on one PostgreSQL and one Valkey: how much sooner several libraries are done.

`python -m tests.bench.workers [PHOTOS]`, for each of some users: a first scan, a stack for each RAW and its picture, a
search for copies among all thumbnails. Immich is an emulated one that takes its time to answer, as a real one does;
where it and the workers share two cores, they, not the sidecar, may be what is waited for.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from random import Random

from PIL import Image

from sidecar.demo.immich.server import EmulatedImmich
from sidecar.demo.immich.synthetic import synthetic_library
from sidecar.jobs.valkey import embedded_valkey
from sidecar.storage.database import open_database
from tests.postgres import PostgresCluster, find_postgres, running_cluster

USERS = 4
PHOTOS = 400
DELAY_S = 0.05
LOOK_EVERY_S = 0.1


async def serve(photos: int) -> None:
    """An emulated Immich with so many photos of each user; it says where it is, until it is told to stop."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    dice = Random(1)
    async with EmulatedImmich() as immich:
        immich.traffic.answer_delay_s = DELAY_S
        keys = []
        for number in range(USERS):
            user = immich.add_user(f"user {number}")
            keys.append(immich.add_key(user))
            immich.add_assets(user, synthetic_library(photos))
        for row in immich.state.assets.values():
            immich.set_thumbnail(row, _thumbnail(dice))
        sys.stdout.write(json.dumps({"url": immich.url, "keys": keys}) + "\n")
        sys.stdout.flush()
        await stopping.wait()


def _thumbnail(dice: Random) -> bytes:
    """A picture that is like no other."""
    coarse = Image.frombytes("RGB", (12, 9), dice.randbytes(12 * 9 * 3))
    file = BytesIO()
    coarse.resize((333, 250), Image.Resampling.BICUBIC).save(file, "WEBP", quality=80)
    return file.getvalue()


@contextmanager
def running(*words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process of this Python until the block ends."""
    command = [sys.executable, "-m", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}) as process:
        try:
            yield process
        finally:
            process.terminate()


async def measure(cluster: PostgresCluster, photos: int, workers: int) -> tuple[float, float]:
    """(seconds until every stack was written, seconds until every search was over)."""
    url = cluster.migrated_database(f"workers_{workers}")
    with ExitStack() as stack:
        immich = stack.enter_context(running("tests.bench.workers", "--serve", str(photos)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sidecar-bench-")))
        assert immich.stdout is not None
        told = json.loads(await asyncio.to_thread(immich.stdout.readline))
        async with embedded_valkey(folder / "valkey") as redis_url, open_database(url, migrate=False) as database:

            async def count(statement: str) -> int:
                async with database.read() as connection:
                    return int((await connection.exec_driver_sql(statement)).scalar_one())

            environment = {
                "IMMICH_URL": told["url"],
                "SIDECAR_API_KEYS": ",".join(told["keys"]),
                "SIDECAR_DATABASE_URL": url,
                "SIDECAR_REDIS_URL": redis_url,
                "SIDECAR_SECRET": "a secret that all workers share",
                "SIDECAR_DECODE_WORKERS": "1",
                "SIDECAR_CONCURRENT_WRITES": "4",
                "SIDECAR_LOG_LEVEL": "error",
            }
            for number in range(workers):
                own = {**environment, "SIDECAR_DATA_DIR": str(folder / f"worker {number}")}
                stack.enter_context(running("sidecar", "worker", **own))
            # Starting is not the subject.
            while not await count("SELECT count(*) FROM scans WHERE began_at_ms IS NOT NULL"):
                await asyncio.sleep(LOOK_EVERY_S)
            began_s, written_s = time.perf_counter(), 0.0
            while await count("SELECT count(*) FROM detections WHERE ended_at_ms IS NOT NULL") < USERS:
                is_written = not await count("SELECT count(*) FROM actions WHERE state = 'intended'")
                if is_written and await count("SELECT count(*) FROM scans WHERE state = 'done'") == USERS:
                    written_s = written_s or time.perf_counter() - began_s
                await asyncio.sleep(LOOK_EVERY_S)
            ended_s = time.perf_counter() - began_s
            twice = await count(
                "SELECT count(*) FROM (SELECT 1 FROM actions WHERE state = 'done' GROUP BY owner_id, stem"
                " HAVING count(*) > 1) AS again"
            )
            print(
                f"  {workers} workers: {await count('SELECT count(*) FROM fingerprints'):,} thumbnails looked at, "
                f"{await count('SELECT count(*) FROM actions'):,} stacks written, {twice} twice; "
                f"{written_s:.1f} s until all were written, {ended_s:.1f} s until all was searched"
            )
    return written_s, ended_s


def main(words: list[str] | None = None) -> None:
    photos = int(words[0]) if words else PHOTOS
    programs = find_postgres()
    if programs is None:
        print("\nWorkers: PostgreSQL is not installed here, so nothing is measured")
        return
    print(f"\n{USERS} users with {photos:,} photos each; Immich answers after {DELAY_S * 1000:.0f} ms")
    with running_cluster(programs) as cluster:
        one = asyncio.run(measure(cluster, photos, 1))
        two = asyncio.run(measure(cluster, photos, 2))
    print(f"  two workers against one: {one[0] / two[0]:.2f} times as quick to write, {one[1] / two[1]:.2f} overall")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(int(sys.argv[2])))
    else:
        main(sys.argv[1:])
