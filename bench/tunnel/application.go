//go:build linux

package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"

	"github.com/scan2food/usher/bench/internal/peers"
)

// startApplication runs this program as the application, in a process of its own.
func startApplication(socket string) *peers.Process {
	program, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	application := peers.Start("the application", exec.Command(program, "application", socket))
	application.WaitForListener("unix", socket)
	return application
}

// serveApplication accepts each handshake and echoes all bytes.
func serveApplication(socket string) {
	raiseDescriptors()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		log.Fatal(err)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go echo(conn)
	}
}

func echo(conn net.Conn) {
	defer conn.Close()
	request, err := http.ReadRequest(bufio.NewReaderSize(conn, 2048))
	if err != nil {
		return
	}
	_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+acceptOf(request.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
	if err != nil {
		return
	}
	buffer := make([]byte, 1024)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
		if n == len(buffer) && n < 64<<10 {
			buffer = make([]byte, 64<<10) // for long messages; an idle socket keeps the small buffer
		}
	}
}

func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
