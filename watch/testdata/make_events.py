"""Writes events.golden with TensorBoard's own messages and record writer."""
import sys

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter


def scalars(step, time, **values):
    summary = summary_pb2.Summary()
    for tag, value in values.items():
        summary.value.add(tag=tag, simple_value=value)
    return event_pb2.Event(wall_time=time, step=step, summary=summary)


begun = 1700000000.5
events = [
    event_pb2.Event(wall_time=begun, file_version="brain.Event:2", source_metadata=event_pb2.SourceMetadata(writer="trit")),
    event_pb2.Event(wall_time=begun, step=8, session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START)),
    scalars(10, 1700000001.25, **{
        "train/loss": 2.5, "train/learning_rate": 0.003, "train/weight_decay": 0, "train/gradient_norm": 0.75, "train/tokens": 20480,
        "train/tokens_per_second": 1234.5, "train/zeros": 0.31, "train/flips": 17, "train/mfu": 0.4,
        "layers/03/q_proj/minus": 0.25, "layers/03/q_proj/zeros": 0.5, "layers/03/q_proj/plus": 0.25, "layers/03/q_proj/scale": 0.02,
        "layers/03/q_proj/flips": 4, "layers/03/q_proj/absmax": 3.5,
        "layers/head/minus": 0, "layers/head/zeros": 1, "layers/head/plus": 0, "layers/head/scale": 1, "layers/head/flips": 0,
    }),
    scalars(300, begun, **{"eval/loss": 2.25, "eval/perplexity": 9.5, "eval/bits_per_byte": 1.125}),
]
with open(sys.argv[1], "wb") as f:
    w = RecordWriter(f)
    for e in events:
        w.write(e.SerializeToString(deterministic=True))
