"""The watch loop that parameter_service.proto gives at `rpc Watch`, to be copied."""

import random
import time
from collections.abc import Generator, Iterable

import grpc
from parameter.v1.parameter_pb2 import Event, Parameter
from parameter.v1.parameter_service_pb2 import WatchRequest, WatchResponse
from parameter.v1.parameter_service_pb2_grpc import ParameterServiceStub

State = dict[str, Parameter]

CHANNEL_OPTIONS = [
    # Pings find a connection that died silently: without them a watch waits for ever.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # By default an answer may take a minute, whatever keepalive_timeout_ms says.
    ("grpc.http2.ping_timeout_ms", 10_000),
    # By default two, then one a minute. A watch sends nothing but pings.
    ("grpc.http2.max_pings_without_data", 0),
    # By default two minutes.
    ("grpc.max_reconnect_backoff_ms", 5_000),
]

CALL_AGAIN = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.DATA_LOSS,
)
BACKOFF_MIN_S = 0.1
BACKOFF_MAX_S = 10.0


def watch(service: ParameterServiceStub, prefix: str) -> Generator[State, None, None]:
    """Yields the parameters of a prefix by key: at first, and after each change.

    Closing the generator ends the call.
    """
    state: State = {}
    start_revision = 0
    failures = 0
    while True:
        snapshot: State = {}
        call = service.Watch(
            WatchRequest(
                prefixes=[prefix], send_initial=True, start_revision=start_revision
            )
        )
        try:
            for response in call:
                failures = 0
                if response.revision:
                    start_revision = response.revision + 1
                if response.kind == WatchResponse.KIND_INITIAL:
                    apply(snapshot, response.events)
                elif response.kind == WatchResponse.KIND_INITIAL_COMPLETE:
                    state, snapshot = snapshot, {}
                    yield state
                elif response.kind == WatchResponse.KIND_CHANGES:
                    apply(state, response.events)
                    yield state
        except grpc.RpcError as error:
            if error.code() not in CALL_AGAIN:
                raise
        finally:
            call.cancel()
        # Jittered, so that not all readers of a lost replica come back at once.
        time.sleep(random.uniform(0, min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2**failures)))
        failures = min(failures + 1, 20)


def apply(state: State, events: Iterable[Event]) -> None:
    for event in events:
        if event.type == Event.TYPE_DELETE:
            state.pop(event.parameter.key, None)
        else:
            state[event.parameter.key] = event.parameter
