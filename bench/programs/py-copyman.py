# Runs the same job by py-postgresql's copyman: argv[1] is a JSON EngineJob. Needs the package py-postgresql.
import json, sys, time
import postgresql.driver.dbapi20  # loads what clientparameters needs
import postgresql
from postgresql import copyman
from urllib.parse import urlsplit

job = json.loads(sys.argv[1])

def connect(url):
    parts = urlsplit(url)
    return postgresql.open("pq://%s@%s:%s%s" % (parts.username, parts.hostname, parts.port, parts.path))

source = connect(job["from"]["connection"])
targets = [connect(to["connection"]) for to in job["to"]]
transactions = [target.xact() for target in targets]
for transaction in transactions:
    transaction.start()
producer = copyman.StatementProducer(source.prepare(job["from"]["statement"]))
receivers = [copyman.StatementReceiver(t.prepare(to["statement"])) for t, to in zip(targets, job["to"])]
begun = time.monotonic()
with copyman.CopyManager(producer, *receivers) as manager:
    for _ in manager:
        pass
for transaction in transactions:
    transaction.commit()
wall = time.monotonic() - begun
print(json.dumps({"wall": wall, "bytes": producer.total_bytes}))
