// Executes steps, one JSON line each, and tells what came of them: test/polyglot compares it with what clients in
// other languages saw.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // so that details are found by their names
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "paramd/examples/go/gen/parameter/v1"
)

type step struct {
	Method        string          `json:"method"`
	Request       json.RawMessage `json:"request"`
	RequestBase64 []byte          `json:"requestBase64"`
	TakeEvents    int             `json:"takeEvents"`
	TimeoutMs     int             `json:"timeoutMs"`
}

type outcome struct {
	Response  json.RawMessage   `json:"response,omitempty"`
	Responses []json.RawMessage `json:"responses,omitempty"`
	Error     *failure          `json:"error,omitempty"`
	Refused   string            `json:"refused,omitempty"`
}

type failure struct {
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Details []json.RawMessage `json:"details,omitempty"`
}

type execute func(context.Context, step) outcome

func main() {
	target := cmp.Or(os.Getenv("PARAMD_TARGET"), "127.0.0.1:50051")
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	client := pb.NewParameterServiceClient(connection)
	methods := map[string]execute{
		"GetParameter":       unary(client.GetParameter),
		"BatchGetParameters": unary(client.BatchGetParameters),
		"ListParameters":     unary(client.ListParameters),
		"SetParameter":       unary(client.SetParameter),
		"DeleteParameter":    unary(client.DeleteParameter),
		"Commit":             unary(client.Commit),
		"Watch":              watch(client),
	}
	if err := run(methods, json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)); err != nil {
		log.Fatal(err)
	}
}

func run(methods map[string]execute, steps *json.Decoder, outcomes *json.Encoder) error {
	for {
		var next step
		if err := steps.Decode(&next); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		timeout := time.Duration(cmp.Or(next.TimeoutMs, 10_000)) * time.Millisecond
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		err := outcomes.Encode(methods[next.Method](ctx, next))
		cancel()
		if err != nil {
			return err
		}
	}
}

func unary[Q, S proto.Message](call func(context.Context, Q, ...grpc.CallOption) (S, error)) execute {
	return func(ctx context.Context, next step) outcome {
		var none Q
		request := none.ProtoReflect().New().Interface().(Q)
		if err := read(next, request); err != nil {
			return outcome{Refused: err.Error()}
		}
		response, err := call(ctx, request)
		if err != nil {
			return failed(err)
		}
		return outcome{Response: printed(response)}
	}
}

// watch takes the events that the step asks for, and the whole snapshot if it asks for one.
func watch(client pb.ParameterServiceClient) execute {
	return func(ctx context.Context, next step) outcome {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		request := &pb.WatchRequest{}
		if err := read(next, request); err != nil {
			return outcome{Refused: err.Error()}
		}
		stream, err := client.Watch(ctx, request)
		if err != nil {
			return failed(err)
		}
		var seen outcome
		events, whole := 0, !request.SendInitial
		for events < next.TakeEvents || !whole {
			response, err := stream.Recv()
			if err != nil {
				return failed(err)
			}
			events += len(response.Events)
			whole = whole || response.Kind == pb.WatchResponse_KIND_INITIAL_COMPLETE
			seen.Responses = append(seen.Responses, printed(response))
		}
		return seen
	}
}

// read keeps unknown fields of a binary request: they are sent as they came.
func read(next step, request proto.Message) error {
	if next.RequestBase64 != nil {
		return proto.Unmarshal(next.RequestBase64, request)
	}
	return protojson.Unmarshal(next.Request, request)
}

func failed(err error) outcome {
	told := status.Convert(err)
	described := &failure{Code: code.Code(told.Code()).String(), Message: told.Message()}
	for _, detail := range told.Proto().Details {
		described.Details = append(described.Details, printed(detail))
	}
	return outcome{Error: described}
}

func printed(message proto.Message) json.RawMessage {
	text, err := protojson.Marshal(message)
	if err != nil {
		log.Fatal(err)
	}
	return text
}
