package web

import (
	"net/http"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
)

// samples returns the samples of bad rows of one incident. Whoever asks has a role.
func (s *Server) samples(w http.ResponseWriter, r *http.Request) {
	v, err := s.Store.Samples(r.Context(), r.PathValue("id"))
	if v == nil {
		v = []sentinel.Sample{}
	}
	s.json(w, v, err)
}

// addSamples adds to the incidents of the page their samples of bad rows, for whoever has a
// role, or says that there are some.
func (s *Server) addSamples(r *http.Request, incidents []shown) error {
	samples, err := s.Store.Samples(r.Context(), "")
	if err != nil || len(samples) == 0 {
		return err
	}
	for i := range incidents {
		for _, sample := range samples {
			switch {
			case sample.Incident != incidents[i].ID:
			case access.Known(r.Context()):
				incidents[i].Samples = append(incidents[i].Samples, sample)
			default:
				incidents[i].Hidden = true
			}
		}
	}
	return nil
}
