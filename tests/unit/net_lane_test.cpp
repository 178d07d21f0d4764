// When a lane has to prove itself, and when it fails (net/lane_proof.hpp).
#include "net/lane_proof.hpp"
#include "support/catch.hpp"

using aoetarget::net::LaneProof;

TEST_CASE("an idle lane, and one whose frames arrive, hold", "[net][lane]") {
    LaneProof proof;
    CHECK(proof.holds(0, 0));
    CHECK(proof.holds(0, 0));
    CHECK(proof.holds(10, 10));
    CHECK(proof.holds(10, 10));
    CHECK(proof.holds(11, 12)); // a frame in two parts
    CHECK(proof.holds(11, 12));
}

TEST_CASE("a lane has from one look to the next to show what it was handed over", "[net][lane]") {
    LaneProof proof;
    CHECK(proof.holds(10, 10));
    CHECK(proof.holds(11, 10)); // it may be on its way
    CHECK(proof.holds(11, 11));
    CHECK(proof.holds(11, 11));
    CHECK(proof.holds(12, 11));
    CHECK_FALSE(proof.holds(12, 11));
}

TEST_CASE("a lane of which nothing has ever arrived fails, however much is handed over", "[net][lane]") {
    LaneProof proof;
    CHECK(proof.holds(1, 0));
    CHECK_FALSE(proof.holds(500, 0));
}

TEST_CASE("frames that a counter has missed do no harm", "[net][lane]") {
    LaneProof proof;
    CHECK(proof.holds(5, 9));
    CHECK(proof.holds(5, 9));
    CHECK(proof.holds(6, 10));
    CHECK(proof.holds(6, 10));
}
