package paramd.examples;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.TypeRegistry;
import com.google.protobuf.util.JsonFormat;
import com.google.rpc.ErrorInfo;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.PrototypeMarshaller;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ClientCalls;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.Base64;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;
import paramd.parameter.v1.Freshness;
import paramd.parameter.v1.ParameterServiceGrpc;
import paramd.parameter.v1.WatchRequest;
import paramd.parameter.v1.WatchResponse;

/** Runs the calls on standard input, a JSON object a line, and prints what came of each. */
final class Scenario {
  private static final long TIMEOUT_MS = 10_000;

  /** What an error's details can be: all messages of the two files. */
  private static final TypeRegistry TYPES =
      TypeRegistry.newBuilder()
          .add(ErrorInfo.getDescriptor())
          .add(Freshness.getDescriptor())
          .build();

  private static final JsonFormat.Printer PRINTER = JsonFormat.printer().usingTypeRegistry(TYPES);

  private Scenario() {}

  public static void main(String[] args) throws Exception {
    String target = System.getenv().getOrDefault("PARAMD_TARGET", "127.0.0.1:50051");
    ManagedChannel channel =
        Grpc.newChannelBuilder(target, InsecureChannelCredentials.create()).build();
    var lines = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    var out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, UTF_8);
    try {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        out.println(run(channel, JsonParser.parseString(line).getAsJsonObject()));
      }
    } finally {
      channel.shutdownNow().awaitTermination(TIMEOUT_MS, TimeUnit.MILLISECONDS);
    }
  }

  private static JsonObject run(Channel channel, JsonObject step) throws Exception {
    MethodDescriptor<Message, Message> method = method(step.get("method").getAsString());
    Message request;
    try {
      request = request(method, step);
    } catch (InvalidProtocolBufferException e) {
      return object("refused", new JsonPrimitive(e.getMessage()));
    }
    long timeoutMs = step.has("timeoutMs") ? step.get("timeoutMs").getAsLong() : TIMEOUT_MS;
    var options = CallOptions.DEFAULT.withDeadlineAfter(timeoutMs, TimeUnit.MILLISECONDS);
    try {
      if (request instanceof WatchRequest watch) {
        int events = step.get("takeEvents").getAsInt();
        return object("responses", taken(channel, method, options, watch, events));
      }
      var response = ClientCalls.blockingUnaryCall(channel, method, options, request);
      return object("response", json(response));
    } catch (StatusRuntimeException e) {
      return object("error", error(e));
    }
  }

  @SuppressWarnings("unchecked") // All requests and responses are messages.
  private static MethodDescriptor<Message, Message> method(String name) {
    for (MethodDescriptor<?, ?> method : ParameterServiceGrpc.getServiceDescriptor().getMethods()) {
      if (name.equals(method.getBareMethodName())) {
        return (MethodDescriptor<Message, Message>) method;
      }
    }
    throw new IllegalArgumentException("no method " + name);
  }

  private static Message request(MethodDescriptor<Message, Message> method, JsonObject step)
      throws InvalidProtocolBufferException {
    var marshaller = (PrototypeMarshaller<Message>) method.getRequestMarshaller();
    Message.Builder request = marshaller.getMessagePrototype().newBuilderForType();
    if (step.has("requestBase64")) {
      String bytes = step.get("requestBase64").getAsString();
      return request.mergeFrom(Base64.getDecoder().decode(bytes)).build();
    }
    JsonFormat.parser().merge(step.get("request").toString(), request);
    return request.build();
  }

  /** What a watch sends up to that many events, and to the end of its snapshot. */
  private static JsonArray taken(
      Channel channel,
      MethodDescriptor<Message, Message> method,
      CallOptions options,
      WatchRequest request,
      int eventsWanted)
      throws Exception {
    var received = new JsonArray();
    int events = 0;
    boolean whole = !request.getSendInitial();
    try (Context.CancellableContext call = Context.current().withCancellation()) {
      Iterator<Message> responses =
          call.call(
              () -> ClientCalls.blockingServerStreamingCall(channel, method, options, request));
      do {
        WatchResponse response = (WatchResponse) responses.next();
        received.add(json(response));
        events += response.getEventsCount();
        whole |= response.getKind() == WatchResponse.Kind.KIND_INITIAL_COMPLETE;
      } while (events < eventsWanted || !whole);
    }
    return received;
  }

  private static JsonObject error(StatusRuntimeException e) throws InvalidProtocolBufferException {
    var details = new JsonArray();
    for (Any detail : StatusProto.fromThrowable(e).getDetailsList()) {
      details.add(json(detail));
    }
    var error = new JsonObject();
    error.addProperty("code", e.getStatus().getCode().name());
    error.addProperty("message", e.getStatus().getDescription());
    error.add("details", details);
    return error;
  }

  private static JsonElement json(Message message) throws InvalidProtocolBufferException {
    return JsonParser.parseString(PRINTER.print(message));
  }

  private static JsonObject object(String name, JsonElement value) {
    var object = new JsonObject();
    object.add(name, value);
    return object;
  }
}
