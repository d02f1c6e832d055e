package paramd.examples;

import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Predicate;
import paramd.parameter.v1.Event;
import paramd.parameter.v1.Parameter;
import paramd.parameter.v1.ParameterServiceGrpc;
import paramd.parameter.v1.WatchRequest;
import paramd.parameter.v1.WatchResponse;

/** The watch loop that parameter_service.proto gives at {@code rpc Watch}, to be copied. */
final class Watch {
  private static final Set<Status.Code> CALL_AGAIN =
      EnumSet.of(Status.Code.UNAVAILABLE, Status.Code.OUT_OF_RANGE, Status.Code.DATA_LOSS);
  private static final long BACKOFF_MIN_MS = 100;
  private static final long BACKOFF_MAX_MS = 10_000;

  private Watch() {}

  /**
   * Shows the reader the parameters of a prefix by key, at first and after each change, until the
   * reader returns false.
   */
  static void watch(ManagedChannel channel, String prefix, Predicate<Map<String, Parameter>> reader)
      throws InterruptedException {
    var service = ParameterServiceGrpc.newBlockingStub(channel);
    Map<String, Parameter> state = new HashMap<>();
    long startRevision = 0;
    for (int failures = 0; ; failures++) {
      Map<String, Parameter> snapshot = new HashMap<>();
      Context.CancellableContext call = Context.current().withCancellation();
      Context outside = call.attach();
      try {
        Iterator<WatchResponse> responses = service.watch(request(prefix, startRevision));
        while (responses.hasNext()) {
          WatchResponse response = responses.next();
          failures = 0;
          if (response.getRevision() != 0) {
            startRevision = response.getRevision() + 1;
          }
          switch (response.getKind()) {
            case KIND_INITIAL -> {
              apply(snapshot, response.getEventsList());
              continue;
            }
            case KIND_INITIAL_COMPLETE -> {
              state = snapshot;
              snapshot = new HashMap<>();
            }
            case KIND_CHANGES -> apply(state, response.getEventsList());
            default -> {
              continue;
            }
          }
          if (!reader.test(state)) {
            return;
          }
        }
      } catch (StatusRuntimeException e) {
        if (!CALL_AGAIN.contains(e.getStatus().getCode())) {
          throw e;
        }
      } finally {
        call.detach(outside);
        call.cancel(null);
      }
      Thread.sleep(backoffMs(failures));
      channel.resetConnectBackoff(); // By itself the channel waits up to two minutes.
    }
  }

  private static WatchRequest request(String prefix, long startRevision) {
    return WatchRequest.newBuilder()
        .addPrefixes(prefix)
        .setSendInitial(true)
        .setStartRevision(startRevision)
        .build();
  }

  private static void apply(Map<String, Parameter> state, List<Event> events) {
    for (Event event : events) {
      Parameter parameter = event.getParameter();
      if (event.getType() == Event.Type.TYPE_DELETE) {
        state.remove(parameter.getKey());
      } else {
        state.put(parameter.getKey(), parameter);
      }
    }
  }

  /** Jittered, so that not all readers of a lost replica come back at once. */
  private static long backoffMs(int failures) {
    long limitMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS << Math.min(failures, 20));
    return ThreadLocalRandom.current().nextLong(limitMs);
  }
}
