<?php
// Tells Vitrine what may have changed: by HTTP with notify(), or with any NATS client by an empty message to subject().
//
//   NOTIFY_TOKEN=… php notify.php http://127.0.0.1:8085/notify sku price 100012 12049.1

function subject(string $lane, string $kind, string $dimension, string $id): string
{
    $token = preg_replace_callback('/[^A-Za-z0-9_-]/', fn ($m) => sprintf('=%02X', ord($m[0])), $id);
    return "change.$lane.$kind.$dimension.$token";
}

function notify(string $url, string $secret, array $changes): void
{
    $answer = file_get_contents($url, false, stream_context_create(['http' => [
        'method' => 'POST',
        'header' => "Authorization: Bearer $secret\r\nContent-Type: application/json",
        'content' => json_encode($changes, JSON_THROW_ON_ERROR),
        'timeout' => 30,
        'ignore_errors' => true,
    ]]));
    if ($answer === false || !str_contains($http_response_header[0], ' 202 ')) {
        throw new RuntimeException(($http_response_header[0] ?? 'no answer') . " $answer"); // 503: send it again
    }
}

[, $url, $kind, $dimension] = $argv;
$ids = array_slice($argv, 4);
foreach ($ids as $id) {
    echo subject('normal', $kind, $dimension, $id), "\n";
}
notify($url, getenv('NOTIFY_TOKEN'), array_map(fn ($id) => ['kind' => $kind, 'dimension' => $dimension, 'id' => $id], $ids));
