package anomaly

import (
	"bytes"
	"compress/flate"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// stateVersion is the first byte of what MarshalBinary writes.
const stateVersion = 2

// ErrState reports a state that is damaged or of another version. The detector then
// starts without any history.
var ErrState = errors.New("the detector's state is damaged or of another version")

// MarshalBinary encodes the detector's state.
func (p *Profile) MarshalBinary() ([]byte, error) {
	var body bytes.Buffer
	z, err := flate.NewWriter(&body, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if err := gob.NewEncoder(z).Encode(&p.state); err != nil {
		return nil, fmt.Errorf("encoding a detector's state: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	sum := crc32.ChecksumIEEE(body.Bytes())
	return append([]byte{stateVersion, byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}, body.Bytes()...), nil
}

// UnmarshalBinary decodes what [Profile.MarshalBinary] returned. After [ErrState] the
// detector has no history.
func (p *Profile) UnmarshalBinary(b []byte) error {
	p.state = state{}
	if len(b) < 5 || b[0] != stateVersion {
		return ErrState
	}
	sum := uint32(b[1])<<24 | uint32(b[2])<<16 | uint32(b[3])<<8 | uint32(b[4])
	if crc32.ChecksumIEEE(b[5:]) != sum {
		return ErrState
	}
	data, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b[5:])), 1<<20))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	var s state
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if s.Low < 0 && s.Negatives == 0 { // an earlier version did not count them
		s.Negatives = 2 + s.N/50
	}
	p.state = s
	return nil
}
