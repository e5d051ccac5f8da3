package config

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
)

// asUTF16 encodes a text as a Windows editor does when it saves "Unicode".
func asUTF16(text string) string {
	b := []byte{0xFF, 0xFE}
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

// What an editor puts before the text is not part of a secret, whichever the variable.
func TestSecretFile_AByteOrderMarkIsNoPartOfIt(t *testing.T) {
	for name, data := range map[string]string{"UTF-8 with a mark": "\xEF\xBB\xBFpässword\r\n", "UTF-16": asUTF16("pässword\r\n")} {
		s := valid()
		s.AzureClientSecret, s.SecretFiles = "", map[string]string{"AZURE_CLIENT_SECRET": written(t, data)}
		c, err := Parse(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.Tenants[0].Identity.Secret.Reveal() != "pässword" {
			t.Errorf("%s: the mark became a part of the secret", name)
		}
	}
}

// A file that is not text is refused by the name of its variable, and nothing of it is shown.
func TestFiles_ThatAreNotTextAreRefusedByName(t *testing.T) {
	const binary = "s\x00e\x00c\x00r\x00e\x00t\x00"
	for name, change := range map[string]func(*Settings, string){
		"AZURE_CLIENT_SECRET_FILE": func(s *Settings, file string) {
			s.AzureClientSecret, s.SecretFiles = "", map[string]string{"AZURE_CLIENT_SECRET": file}
		},
		"SOURCE_USERS_FILE": func(s *Settings, file string) { s.SourceUsersFile = file },
		"GRAPH_CA_FILE":     func(s *Settings, file string) { s.GraphCAFile = file },
		"KAFKA_TLS_CA_FILE": func(s *Settings, file string) { s.KafkaTLS, s.KafkaTLSCAFile = "true", file },
	} {
		s := valid()
		change(&s, written(t, binary))
		if _, err := Parse(s); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "UTF-8") || strings.Contains(err.Error(), "s\x00e") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
