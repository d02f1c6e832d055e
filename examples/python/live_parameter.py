import os

import grpc
from parameter.v1.parameter_pb2 import Parameter
from parameter.v1.parameter_service_pb2_grpc import ParameterServiceStub

from watch import CHANNEL_OPTIONS, watch

target = os.environ.get("PARAMD_TARGET", "127.0.0.1:50051")
with grpc.insecure_channel(target, CHANNEL_OPTIONS) as channel:
    # The state of the namespace, again after every change, over broken connections too.
    for state in watch(ParameterServiceStub(channel), "app:config:"):
        value = state.get("app:config:max_users", Parameter()).value
        max_users = value.int_value if value.HasField("int_value") else 50
        print("max_users is", max_users, flush=True)
