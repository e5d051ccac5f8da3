package schema

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	hamba "github.com/hamba/avro/v2"
	twmb "github.com/twmb/avro"
)

// pointer is a nullable value.
func pointer[T any](value T) *T { return &value }

// fill gives every field of a record its own value, and every array an element.
func fill(v reflect.Value, filled *int64) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), filled)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), filled)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), filled)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"/x": "1"}))
	case reflect.String:
		*filled++
		v.SetString(fmt.Sprint("text ", *filled))
	case reflect.Bool:
		v.SetBool(true)
	default:
		*filled++
		v.SetInt(*filled)
	}
}

// samples are records with what is odd in their encoding.
func samples() map[string]*ChatMessage {
	members := make([]TeamworkUserIdentity, 250) // more than one block
	for i := range members {
		members[i].ID = pointer(fmt.Sprint(i))
	}
	unmapped := map[string]string{}
	for i := range 250 {
		unmapped[fmt.Sprintf("/x/%d", i)] = `{"y":null}`
	}
	everything := new(ChatMessage)
	fill(reflect.ValueOf(everything).Elem(), new(int64))
	return map[string]*ChatMessage{
		"everything":      everything,
		"empty":           {},
		"empty, not null": {ID: pointer(""), Body: &ItemBody{}, Mentions: []ChatMessageMention{}, Unmapped: map[string]string{"": ""}},
		"times": {CreatedDateTime: pointer(int64(0)), LastModifiedDateTime: pointer(int64(-62135596800000)),
			LastEditedDateTime: pointer(int64(253402300799999)), DeletedDateTime: pointer(int64(-1))},
		"numbers": {Mentions: []ChatMessageMention{{ID: pointer(int32(0))}, {ID: pointer(int32(-1 << 31))}, {ID: pointer(int32(1<<31 - 1))}},
			EventDetail: &EventMessageDetail{MeetingChatEnabled: pointer(false), CallDurationMillis: pointer(int64(1<<63 - 1))}},
		"texts": {Subject: pointer("\x00é😀\"\\"), Body: &ItemBody{Content: pointer(strings.Repeat("long ", 200_000))},
			EventDetail: &EventMessageDetail{ConversationMemberRoles: []string{"", "owner"}}},
		"blocks": {EventDetail: &EventMessageDetail{Members: members}, Unmapped: unmapped},
		"deep": {MessageHistory: []ChatMessageHistoryItem{{Reaction: &ChatMessageReaction{User: &IdentitySet{
			Application: &TeamworkApplicationIdentity{}, Tag: &Identity{DisplayName: pointer("t")}}}}}},
	}
}

func encoders(t testing.TB) (confluent, singleObject Encoder) {
	t.Helper()
	confluent, err := NewConfluentEncoder(0x01020304)
	if err != nil {
		t.Fatal(err)
	}
	return confluent, NewSingleObjectEncoder()
}

// TestEncoder_IsReadByAnIndependentLibrary: both framings, and each record as it was.
func TestEncoder_IsReadByAnIndependentLibrary(t *testing.T) {
	decoder, err := twmb.Parse(Text())
	if err != nil {
		t.Fatal(err)
	}
	confluent, singleObject := encoders(t)
	for name, m := range samples() {
		if m.Unmapped == nil {
			m.Unmapped = map[string]string{} // a map is never null
		}
		framed, err := confluent.Append([]byte("before"), m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, ok := bytes.CutPrefix(framed, []byte("before\x00\x01\x02\x03\x04"))
		if !ok {
			t.Fatalf("%s: begins with % x", name, framed[:min(len(framed), 11)])
		}
		decoded := new(ChatMessage)
		if rest, err := decoder.Decode(body, decoded); err != nil || len(rest) != 0 {
			t.Fatalf("%s: %d bytes left, %v", name, len(rest), err)
		}
		if decoded.Unmapped == nil {
			decoded.Unmapped = map[string]string{}
		}
		if !reflect.DeepEqual(decoded, m) {
			t.Errorf("%s: another record came back", name)
		}

		framed, err = singleObject.Append(nil, m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again := new(ChatMessage)
		if rest, err := decoder.DecodeSingleObject(framed, again); err != nil || len(rest) != 0 {
			t.Errorf("%s: single object: %d bytes left, %v", name, len(rest), err)
		}
	}
}

// TestEncoder_WritesTheSpecification pins the bytes: a null is one zero byte, and an empty map too.
func TestEncoder_WritesTheSpecification(t *testing.T) {
	confluent, singleObject := encoders(t)
	fields := len(recordTypes(t)["ChatMessage"].Fields)
	got, err := confluent.Append(nil, &ChatMessage{})
	if want := append([]byte{0, 1, 2, 3, 4}, make([]byte, fields)...); err != nil || !bytes.Equal(got, want) {
		t.Errorf("want % x, got % x, %v", want, got, err)
	}
	got, err = singleObject.Append(nil, &ChatMessage{ChatID: pointer("ab"), Unmapped: map[string]string{"/": "5"}})
	want := []byte{0xC3, 0x01}
	for shift := 0; shift < 64; shift += 8 { // little endian
		want = append(want, byte(Fingerprint>>shift))
	}
	want = append(want, 2, 4, 'a', 'b')            // second branch, two bytes
	want = append(want, make([]byte, fields-2)...) // nulls
	want = append(want, 2, 2, '/', 2, '5', 0)      // a block of one pair, without its size
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("want % x, got % x, %v", want, got, err)
	}
	if confluent.ContentType() != "application/avro" || singleObject.ContentType() != "application/avro; encoding=single-object" {
		t.Errorf("content types are %q and %q", confluent.ContentType(), singleObject.ContentType())
	}
}

// TestEncoder_WritesWhatTheLibraryWrites: the generated way gives, byte for byte, what reflection gives.
func TestEncoder_WritesWhatTheLibraryWrites(t *testing.T) {
	parsed, err := hamba.ParseWithCache(Text(), "", &hamba.SchemaCache{})
	if err != nil {
		t.Fatal(err)
	}
	library := hamba.Config{DisableBlockSizeHeader: true}.Freeze()
	confluent, _ := encoders(t)
	for name, m := range samples() {
		if name == "blocks" {
			continue // one block there, several here
		}
		want, err := library.Marshal(parsed, m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := confluent.Append(nil, m)
		if err != nil || !bytes.Equal(got[5:], want) {
			t.Errorf("%s: other bytes than the library's (%v)", name, err)
		}
	}
}

func TestEncoder_RefusesNoMessage(t *testing.T) {
	confluent, _ := encoders(t)
	if got, err := confluent.Append([]byte("before"), nil); err == nil || string(got) != "before" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestEncoder_MayBeSharedByGoroutines(t *testing.T) {
	confluent, _ := encoders(t)
	all := samples()
	delete(all, "blocks") // maps have no order
	want := map[string][]byte{}
	for name, m := range all {
		encoded, err := confluent.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		want[name] = encoded
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			var buffer []byte
			for range 20 {
				for name, m := range all {
					var err error
					if buffer, err = confluent.Append(buffer[:0], m); err != nil || !bytes.Equal(buffer, want[name]) {
						t.Errorf("%s: other bytes than alone, %v", name, err)
						return
					}
				}
			}
		})
	}
	group.Wait()
}

func TestNewConfluentEncoder_RefusesWhatIsNoID(t *testing.T) {
	for _, id := range []int{-1, 1 << 31} {
		if _, err := NewConfluentEncoder(id); err == nil {
			t.Errorf("%d was taken", id)
		}
	}
	if _, err := NewConfluentEncoder(1<<31 - 1); err != nil {
		t.Error(err)
	}
}

func BenchmarkAppend(b *testing.B) {
	confluent, _ := encoders(b)
	m := &ChatMessage{
		ChatID: pointer("19:8ea0e38b-efb3-4757-924a-5f94061cf8c2_97f62344-57dc-409c-88ad-c4af14158ff5@unq.gbl.spaces"),
		ID:     pointer("1621973534864"), Etag: pointer("1621973534864"), MessageType: pointer("message"),
		CreatedDateTime: pointer(int64(1621973534864)), LastModifiedDateTime: pointer(int64(1621973534864)),
		From:        &IdentitySet{User: &TeamworkUserIdentity{ID: pointer("8ea0e38b-efb3-4757-924a-5f94061cf8c2"), DisplayName: pointer("Robin Kline")}},
		Body:        &ItemBody{ContentType: pointer("html"), Content: pointer(strings.Repeat("x", 500))},
		Attachments: []ChatMessageAttachment{}, Mentions: []ChatMessageMention{}, Reactions: []ChatMessageReaction{},
	}
	buffer, err := confluent.Append(nil, m)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if buffer, err = confluent.Append(buffer[:0], m); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(buffer)), "B/msg")
}
