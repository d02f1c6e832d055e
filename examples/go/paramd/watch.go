// Package paramd connects to paramd and follows parameters, to be copied.
package paramd

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "paramd/examples/go/gen/parameter/v1"
)

const (
	backoffMin = 100 * time.Millisecond
	backoffMax = 10 * time.Second
)

// Watch yields what is below prefix, by key: as soon as all of it is there, and again after each change. Broken
// connections and restarted servers cost time, but no change. Leaving the loop ends the call.
func Watch(
	ctx context.Context, client pb.ParameterServiceClient, prefix string,
) iter.Seq2[map[string]*pb.Parameter, error] {
	return func(yield func(map[string]*pb.Parameter, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var state map[string]*pb.Parameter
		var next int64 // the first revision that is still to come; 0: nothing came yet
		for backoff := backoffMin; ; backoff = min(2*backoff, backoffMax) {
			stream, err := client.Watch(ctx, &pb.WatchRequest{
				Prefixes: []string{prefix}, SendInitial: true, StartRevision: next,
			})
			initial := map[string]*pb.Parameter{}
			for err == nil {
				var response *pb.WatchResponse
				if response, err = stream.Recv(); err != nil {
					break
				}
				backoff = backoffMin
				if response.Revision > 0 {
					next = response.Revision + 1
				}
				switch response.Kind {
				case pb.WatchResponse_KIND_INITIAL:
					apply(initial, response.Events)
					continue
				case pb.WatchResponse_KIND_INITIAL_COMPLETE:
					state, initial = initial, map[string]*pb.Parameter{}
				case pb.WatchResponse_KIND_CHANGES:
					apply(state, response.Events)
				default:
					continue
				}
				if !yield(state, nil) {
					return
				}
			}
			if !callsAgain(err) {
				yield(nil, err)
				return
			}
			select {
			case <-time.After(rand.N(backoff)): // jitter: the watchers of one lost replica do not all come at once
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			}
		}
	}
}

func callsAgain(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.OutOfRange, codes.DataLoss:
		return true
	default:
		return errors.Is(err, io.EOF) // it ended without an error
	}
}

func apply(state map[string]*pb.Parameter, events []*pb.Event) {
	for _, event := range events {
		if event.Type == pb.Event_TYPE_DELETE {
			delete(state, event.Parameter.Key)
		} else {
			state[event.Parameter.Key] = event.Parameter
		}
	}
}
