// The least that answers Envoy's ext_authz in Go: grpc-go, the whole CheckRequest decoded, the same answer for every Check.
// Usage: peer unix:PATH or peer HOST:PORT
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	status "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type server struct {
	auth.UnimplementedAuthorizationServer
}

// What Latchkey answers for a key without a limit, in size and shape; it is put together anew for each Check, as services do.
func (server) Check(_ context.Context, request *auth.CheckRequest) (*auth.CheckResponse, error) {
	id := request.GetAttributes().GetRequest().GetHttp().GetId()
	facts := map[string]*structpb.Value{
		"decision_id": structpb.NewStringValue(id),
		"outcome":     structpb.NewStringValue("allow"),
		"key_id":      structpb.NewStringValue("key_0123456789abcdef0123456789abcdef"),
		"owner":       structpb.NewStringValue("bench"),
		"model":       structpb.NewStringValue("gpt-4o-mini"),
	}
	return &auth.CheckResponse{
		Status: &status.Status{Code: 0},
		HttpResponse: &auth.CheckResponse_OkResponse{OkResponse: &auth.OkHttpResponse{
			Headers: []*core.HeaderValueOption{
				overwrite("x-latchkey-key-id", "key_0123456789abcdef0123456789abcdef"),
				overwrite("x-latchkey-owner", "bench"),
				overwrite("x-latchkey-model", "gpt-4o-mini"),
				// The shipped demo.yaml chooses its route by it.
				overwrite("x-latchkey-route", "openai"),
			},
			HeadersToRemove: []string{"authorization", "x-api-key", "x-envoy-auth-failure-mode-allowed"},
		}},
		DynamicMetadata: &structpb.Struct{Fields: facts},
	}, nil
}

func overwrite(key, value string) *core.HeaderValueOption {
	return &core.HeaderValueOption{
		Header:       &core.HeaderValue{Key: key, Value: value},
		Append:       wrapperspb.Bool(false),
		AppendAction: core.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

func main() {
	if len(os.Args) != 2 {
		fail("usage: peer unix:PATH or peer HOST:PORT")
	}
	network, address := "tcp", os.Args[1]
	if path, isUnix := strings.CutPrefix(address, "unix:"); isUnix {
		network, address = "unix", path
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		fail(err)
	}
	grpcServer := grpc.NewServer()
	auth.RegisterAuthorizationServer(grpcServer, server{})
	fmt.Println("serving")
	if err := grpcServer.Serve(listener); err != nil {
		fail(err)
	}
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
