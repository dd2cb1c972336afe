//go:build linux

//lint:file-ignore SA1019 only the client of x/net/http2 can send an extended CONNECT

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"
)

// authority returns the address with the host name of the certificate.
func authority(address string) string {
	_, port, _ := strings.Cut(address, ":")
	return "localhost:" + port
}

// stream is an open stream. Close closes its connection.
type stream struct {
	io.Reader
	io.Writer
	closeConnection func()
}

func (s stream) Close() error {
	s.closeConnection()
	return nil
}

// openHTTP2 opens a socket with an extended CONNECT (RFC 8441) on its own connection, as a page with one socket does.
func openHTTP2(address string) (io.ReadWriteCloser, error) {
	config := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", NextProtos: []string{http2.NextProtoTLS}}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", address, config)
	if err != nil {
		return nil, err
	}
	client, err := new(http2.Transport).NewClientConn(conn)
	if err != nil {
		return nil, err
	}
	body, toServer := io.Pipe()
	request, err := http.NewRequest(http.MethodConnect, "https://"+authority(address)+"/ws/", body)
	if err != nil {
		return nil, err
	}
	request.Header = http.Header{":protocol": {"websocket"}, "Sec-Websocket-Version": {"13"}}
	response, err := client.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("unexpected response: %s", response.Status)
	}
	return stream{response.Body, toServer, func() { conn.Close() }}, nil
}

// openHTTP3 opens a socket with an extended CONNECT (RFC 9220) on its own connection.
func openHTTP3(address string) (io.ReadWriteCloser, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	config := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", NextProtos: []string{http3.NextProtoH3}}
	conn, err := quic.DialAddr(ctx, address, config, &quic.Config{KeepAlivePeriod: 20 * time.Second})
	if err != nil {
		return nil, err
	}
	requests, err := new(http3.Transport).NewClientConn(conn).OpenRequestStream(context.Background())
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodConnect, "https://"+authority(address)+"/ws/", nil)
	if err != nil {
		return nil, err
	}
	request.Proto = "websocket"
	request.Header = http.Header{"Sec-Websocket-Version": {"13"}}
	if err := requests.SendRequestHeader(request); err != nil {
		return nil, err
	}
	response, err := requests.ReadResponse()
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("unexpected response: %s", response.Status)
	}
	return stream{requests, requests, func() { _ = conn.CloseWithError(0, "") }}, nil
}
