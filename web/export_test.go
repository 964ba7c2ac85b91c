package web

import (
	"net"
	"net/http"
)

// Handler answers as the server does at an address of this machine.
func (s *Server) Handler() http.Handler {
	at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9780}
	return s.handler(s.open(s.Access, at, s.Clock, s), s.site())
}
