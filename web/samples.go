package web

import (
	"net/http"

	"github.com/sentinel-dq/sentinel"
)

// samples returns the samples of bad rows of one incident. Whoever asks has a role.
func (s *Server) samples(w http.ResponseWriter, r *http.Request) {
	v, err := s.Store.Samples(r.Context(), r.PathValue("id"))
	if v == nil {
		v = []sentinel.Sample{}
	}
	s.json(w, v, err)
}
