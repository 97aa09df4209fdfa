package schednats

import "encoding/json"

// A Codec turns jobs and results into bytes and back. Its methods are called by several tasks and
// goroutines at the same time. An error of Decode makes a job a dead letter.
type Codec interface {
	Encode(v any) ([]byte, error)
	Decode(data []byte, v any) error // v is a pointer
}

// JSON is the codec of encoding/json. It is the default.
var JSON Codec = jsonCodec{}

type jsonCodec struct{}

func (jsonCodec) Encode(v any) ([]byte, error)    { return json.Marshal(v) }
func (jsonCodec) Decode(data []byte, v any) error { return json.Unmarshal(data, v) }
