package source_test

import (
	"fmt"
	"log"
	"time"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/source"
)

// A ladder plans what is read next. The first window reaches from the start of the stream to now; later
// windows reach back as far as the longest rung that is due.
func ExampleLadder_Next() {
	ladder, err := source.NewLadder([]time.Duration{10 * time.Minute, 24 * time.Hour}, 10*time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	position := offsets.Position{Start: noon.Add(-48 * time.Hour).UnixMilli()}
	for _, end := range []time.Time{noon, noon.Add(10 * time.Minute), noon.Add(24 * time.Hour)} {
		window, ok := ladder.Next(position, end.UnixMilli())
		if !ok {
			log.Fatal("there is nothing to read")
		}
		fmt.Println(offsets.FormatTime(window.From), "to", offsets.FormatTime(window.To))
		position = ladder.Advance(position, window, window.To) // read to its end
	}
	// Output:
	// 2026-01-29T12:00:00.000Z to 2026-01-31T12:00:00.000Z
	// 2026-01-31T11:50:00.000Z to 2026-01-31T12:10:00.000Z
	// 2026-01-30T11:50:00.000Z to 2026-02-01T12:00:00.000Z
}

// A page is cut into its items without looking inside, so a malformed item costs itself and not its page.
func ExampleParsePage() {
	page, err := source.ParsePage([]byte(`{"value": [{"id": "1"}, {"id": broken}], "@odata.nextLink": "https://graph.microsoft.com/v1.0/next"}`))
	if err != nil {
		log.Fatal(err)
	}
	for _, item := range page.Items {
		fmt.Println(string(item))
	}
	fmt.Println(page.NextLink)
	// Output:
	// {"id": "1"}
	// {"id": broken}
	// https://graph.microsoft.com/v1.0/next
}

// A truncated body is never a short page.
func ExampleParsePage_truncated() {
	_, err := source.ParsePage([]byte(`{"value": [{"id": "1"}`))
	fmt.Println(err != nil)
	// Output: true
}

func ExampleCloudNamed() {
	cloud, known := source.CloudNamed("usgov")
	fmt.Println(cloud.Graph, cloud.Login, known)
	// Output: https://graph.microsoft.us https://login.microsoftonline.us true
}
