// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/transfer_error.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

TEST(TransferError, IsToldInTheWordsOfCurlAndOfTheEngines) {
  for (const char* text : {
           "Transfer failed: transfer closed with 12345 bytes remaining to read",
           "transfer closed with outstanding read data remaining",
           "Transfer failed: Timeout was reached",
           "Operation too slow. Less than 1 bytes/sec transferred the last 60 seconds",
           "Operation timed out after 300000 milliseconds with 1 out of 2 bytes received",
           "Could not resolve host: updates.example",
           "Couldn't resolve host name",
           "Couldn't connect to server",
           "Could not connect to server",
           "Failed to connect to 10.0.0.1 port 80 after 1 ms: Couldn't connect to server",
           "Recv failure: Connection reset by peer",
           "Failure when receiving data from the peer",
           "Failed sending data to the peer",
           "Server returned nothing (no headers, no data)",
           "Empty reply from server",
           "Transferred a partial file",
           "end of response with 7 bytes missing",
           "HTTP/2 stream 1 was not closed cleanly: INTERNAL_ERROR (err 2)",
           "Stream error in the HTTP/2 framing layer",
           "OpenSSL SSL_read: error:0A000126:SSL routines::unexpected eof while reading, errno 0",
           "GnuTLS recv error (-110): The TLS connection was non-properly terminated.",
           "ERROR : Channel operation returned error (56): 'Failure when receiving data from the "
           "peer'",
           "Too many failed download attempts",
       }) {
    EXPECT_TRUE(tells_broken_transfer(text)) << text;
  }
}

TEST(TransferError, IsNoOtherFailure) {
  for (const char* text : {
           "",
           "The requested URL returned error: 404",
           "HTTP response code said error",
           "Failed writing received data to disk/application",
           "Channel operation returned error (23): 'Failed writing received data to "
           "disk/application'",
           "signature verification failed: certificate has expired",
           "SSL peer certificate or SSH remote key was not OK",
           "No space left on device",
           "Failed to adjust permissions",
           "HASH mismatch",
           "Installation error: Failed updating slot rootfs.1: Failed to write to output stream",
       }) {
    EXPECT_FALSE(tells_broken_transfer(text)) << text;
  }
}

}  // namespace
}  // namespace kernel_exporter
