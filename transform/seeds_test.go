package transform

// seeds are items that fuzzing begins with.
var seeds = []string{
	`{}`,
	`{"@odata.type":"#microsoft.graph.chatMessage","id":"1621973534864","replyToId":null,"etag":"1621973534864",` +
		`"messageType":"message","createdDateTime":"2021-05-25T20:12:14.864Z","lastModifiedDateTime":"2021-05-25T20:12:14.864Z",` +
		`"lastEditedDateTime":null,"deletedDateTime":null,"subject":null,"summary":null,"chatId":"19:x@thread.v2",` +
		`"importance":"normal","locale":"en-us","webUrl":null,"channelIdentity":null,"policyViolation":null,` +
		`"from":{"application":null,"device":null,"conversation":null,"user":{"id":"8ea0e38b","displayName":"Ada",` +
		`"userIdentityType":"aadUser","tenantId":"e61ef81e"}},"body":{"contentType":"html","content":"<p>\"hi\"\n\ud83d\ude00 é</p>"},` +
		`"attachments":[{"id":"a","contentType":"reference","contentUrl":"https://x/y z","content":null,"name":"n"}],` +
		`"mentions":[{"id":0,"mentionText":"Ada","mentioned":{"user":{"id":"1"}}}],"reactions":[{"reactionType":"👍",` +
		`"createdDateTime":"2021-05-25T20:12:15.1Z","user":{"user":{"id":"2"}}}],"messageHistory":[{"actions":"reactionAdded",` +
		`"modifiedDateTime":"2021-05-25T20:12:15.1234567Z","reaction":{"reactionType":"like"}}]}`,
	`{"id":"1","from":null,"body":{"contentType":"html","content":"<systemEventMessage/>"},"eventDetail":` +
		`{"@odata.type":"#microsoft.graph.callEndedEventMessageDetail","callDuration":"PT40M19.26S","callParticipants":` +
		`[{"participant":{"user":{"id":"1"}}},null],"members":[{"id":"1"}],"conversationMemberRoles":["owner"],` +
		`"meetingChatEnabled":true,"visibleHistoryStartDateTime":"0001-01-01T00:00:00Z"}}`,
	`{"policyViolation":{"policyTip":{"matchedConditionDescriptions":["a","b"]}},"channelIdentity":{"teamId":"t","channelId":"c"}}`,
	`{"a/b":{"~":[1,2.50,{"x":null}]},"subject":"\ud800","id":5,"body":"text","mentions":[{"id":1.0},{"id":2}]}`,
	`{"createdDateTime":"2021-03-1706:47:05.123Z"}`,
	`{"id":"1","id":"2"}`,
	`{"id":"1","\u0069d":"2"}`,
}
