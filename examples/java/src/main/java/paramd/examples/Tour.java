package paramd.examples;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Durations;
import com.google.rpc.ErrorInfo;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import paramd.parameter.v1.GetParameterRequest;
import paramd.parameter.v1.GetParameterResponse;
import paramd.parameter.v1.Parameter;
import paramd.parameter.v1.ParameterServiceGrpc;
import paramd.parameter.v1.ParameterServiceGrpc.ParameterServiceBlockingStub;
import paramd.parameter.v1.ReadConsistency;
import paramd.parameter.v1.SetParameterRequest;
import paramd.parameter.v1.StringList;
import paramd.parameter.v1.Value;

/** A typed set and get, how stale a read can be, the details of an error, and a watch. */
final class Tour {
  private static final long DEADLINE_S = 5;

  private final ManagedChannel channel;
  private final String prefix;

  private Tour(ManagedChannel channel, String prefix) {
    this.channel = channel;
    this.prefix = prefix;
  }

  public static void main(String[] args) throws Exception {
    String target = System.getenv().getOrDefault("PARAMD_TARGET", "127.0.0.1:50051");
    String prefix = args.length > 0 ? args[0] : "tour:";
    ManagedChannel channel =
        Grpc.newChannelBuilder(target, InsecureChannelCredentials.create())
            // Pings find a connection that died silently: without them a watch waits for ever.
            .keepAliveTime(20, TimeUnit.SECONDS)
            .keepAliveTimeout(10, TimeUnit.SECONDS)
            .build();
    try {
      Tour tour = new Tour(channel, prefix);
      tour.showValues();
      tour.showError();
      tour.showWatch();
    } finally {
      channel.shutdownNow().awaitTermination(DEADLINE_S, TimeUnit.SECONDS);
    }
  }

  private void showValues() {
    Parameter written = set("max_users", Value.newBuilder().setIntValue(100).build());
    GetParameterResponse maxUsers = get("max_users", written.getRevision());
    System.out.println("max_users = " + text(maxUsers));

    Duration oneAndAHalf = Durations.fromMillis(1500);
    written = set("timeout", Value.newBuilder().setDurationValue(oneAndAHalf).build());
    System.out.println("timeout = " + text(get("timeout", written.getRevision())));

    StringList hosts = StringList.newBuilder().addValues("a").addValues("b").build();
    written = set("hosts", Value.newBuilder().setStringListValue(hosts).build());
    System.out.println("hosts = " + text(get("hosts", written.getRevision())));

    Duration bound = maxUsers.getFreshness().getStalenessBound();
    System.err.println("staleness bound: " + Durations.toSecondsAsDouble(bound) + " s");
    boolean fresh = Durations.compare(bound, Durations.fromMillis(500)) <= 0;
    System.out.println("fresh within 500 ms: " + fresh);
  }

  private void showError() throws InvalidProtocolBufferException {
    var onlyIfNew =
        SetParameterRequest.newBuilder()
            .setKey(prefix + "max_users")
            .setValue(Value.newBuilder().setIntValue(1))
            .setIfRevision(0)
            .setRequestId(UUID.randomUUID().toString())
            .build();
    try {
      service().setParameter(onlyIfNew);
    } catch (StatusRuntimeException e) {
      ErrorInfo info = errorInfo(e);
      long revision = get("max_users", 0).getParameter().getRevision();
      boolean known = info.getMetadataOrThrow("currentRevision").equals(Long.toString(revision));
      System.out.println(e.getStatus().getCode() + " " + info.getReason() + ": " + known);
    }
  }

  private void showWatch() throws InterruptedException {
    try (Watch watch = new Watch(channel, prefix)) {
      while (true) {
        Value maxUsers = watch.next().get(prefix + "max_users").getValue();
        System.out.println("watching: max_users = " + text(maxUsers));
        if (maxUsers.getIntValue() == 120) {
          return;
        }
        set("max_users", Value.newBuilder().setIntValue(120).build());
      }
    }
  }

  /** The request id makes it safe to send the same request again. */
  private Parameter set(String name, Value value) {
    var request =
        SetParameterRequest.newBuilder()
            .setKey(prefix + name)
            .setValue(value)
            .setRequestId(UUID.randomUUID().toString())
            .build();
    return service().setParameter(request).getParameter();
  }

  private GetParameterResponse get(String name, long atLeastRevision) {
    var consistency = ReadConsistency.newBuilder().setAtLeastRevision(atLeastRevision);
    return service()
        .getParameter(
            GetParameterRequest.newBuilder()
                .setKey(prefix + name)
                .setConsistency(consistency)
                .build());
  }

  /** A stub for one call: the deadline runs from here. */
  private ParameterServiceBlockingStub service() {
    return ParameterServiceGrpc.newBlockingStub(channel)
        .withDeadlineAfter(DEADLINE_S, TimeUnit.SECONDS);
  }

  private static String text(GetParameterResponse response) {
    return text(response.getParameter().getValue());
  }

  private static String text(Value value) {
    return switch (value.getKindCase()) {
      case STRING_VALUE -> value.getStringValue();
      case INT_VALUE -> Long.toString(value.getIntValue());
      case DOUBLE_VALUE -> Double.toString(value.getDoubleValue());
      case BOOL_VALUE -> Boolean.toString(value.getBoolValue());
      case BYTES_VALUE -> value.getBytesValue().size() + " bytes";
      case JSON_VALUE -> value.getJsonValue();
      case DURATION_VALUE -> Durations.toSecondsAsDouble(value.getDurationValue()) + " s";
      case STRING_LIST_VALUE -> String.join(", ", value.getStringListValue().getValuesList());
      case KIND_NOT_SET ->
          throw new IllegalStateException("a value of a kind that this program does not know");
    };
  }

  /** The reason, of error_reason.proto; empty if the transport failed. */
  private static ErrorInfo errorInfo(StatusRuntimeException e)
      throws InvalidProtocolBufferException {
    for (Any detail : StatusProto.fromThrowable(e).getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        return detail.unpack(ErrorInfo.class);
      }
    }
    return ErrorInfo.getDefaultInstance();
  }
}
