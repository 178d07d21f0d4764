// Exports that do not answer beside two that do, on one interface: e2.0 and those after it are on a file
// system that is frozen. e1.1 (512-byte blocks) and e1.2 (4096) are on two others, and so is the state.
#pragma once

#include "frozen_file_system.hpp"
#include "hosts.hpp"
#include "scene.hpp"

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace aoetest {

// An export that has nothing to do with the trouble answers within this time.
constexpr double limit_ms = 100;

struct HangOptions {
    unsigned exports = 2;            // That hang.
    unsigned mtu = 1500;             // Of the interface.
    unsigned block_bytes = 512;      // Of what the exports that hang are on.
    bool on_loop_devices = false;    // They are block devices: a write that waits has reads wait behind it.
    bool state_hangs = false;        // The state is kept on the file system that freezes.
    std::string export_options = {}; // Of all.
    unsigned threads = 1;
};

class HangScene {
  public:
    explicit HangScene(const HangOptions& options)
        : sick_((16U + 6U * options.exports) << 20, options.block_bytes), wire_(wire_with(options.mtu)),
          client(wire_), hosts(client) {
        std::vector<std::string> exports{
            export_argument(1, 1, image_.path(), options.export_options),
            export_argument(1, 2, large_block_image_.path(), options.export_options)};
        for (unsigned i = 0; i < options.exports; ++i) {
            sick_images_.push_back(
                std::make_unique<ImageFile>(sick_sectors, ImageFile::Fill::sparse, sick_.folder()));
            std::string path = sick_images_.back()->path();
            if (options.on_loop_devices) {
                loops_.push_back(std::make_unique<LoopDevice>(path, options.block_bytes));
                path = loops_.back()->path();
            }
            exports.push_back(export_argument(2, i, path, options.export_options));
        }
        const std::string& state = options.state_hangs ? sick_.folder() : well_.folder();
        target_.emplace(std::vector<std::string>{wire_.target_end()}, exports,
                        std::vector<std::string>{"--state-dir", state + "/state", "--threads",
                                                 std::to_string(options.threads)});
        freeze_.emplace(sick_);
    }

    // Uses e1.1 and e1.2 in all ways. `busy_host` has requests under way on exports that hang, two others
    // have none. Others use the machine as well: the best of ten attempts counts.
    void expect_that_others_are_served(const std::string& what, const Mac& busy_host,
                                       bool with_config_strings = true) {
        ModestHosts modest(client,
                           {{host_mac(200), 1, 1, with_config_strings},
                            {busy_host, 1, 1},
                            {host_mac(201), 1, 2, with_config_strings}},
                           window);
        ModestHosts::Outcome outcome;
        pass_time(Milliseconds(200)); // until the target has looked at all that was sent at once
        for (int attempt = 0; attempt < 10; ++attempt) {
            outcome = modest.run(requests, [&] { hosts.turn(); });
            std::cout << "hang (" << (links_are("xdp") ? "xdp" : "packet") << "): " << what << ": "
                      << outcome.text() << std::endl;
            if (outcome.is_served(limit_ms))
                break;
        }
        CAPTURE(what, outcome.text());
        CHECK(outcome.is_served(limit_ms));
    }

    void pass_time(Milliseconds time) {
        const auto end = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < end) {
            hosts.turn();
            client.receive(Milliseconds(1));
        }
    }

    // After the thaw all requests are answered that hosts repeat, and the target ends in good order.
    void thaw_and_end() {
        freeze_->thaw();
        CHECK(hosts.finish(Milliseconds(20000)));
        client.settle();
        target_->stop();
    }

    static constexpr std::uint64_t sick_sectors = 8192;
    static constexpr std::size_t window = 4;
    static constexpr unsigned requests = 600;

  private:
    static const VethPair& wire_with(unsigned mtu) {
        const VethPair& wire = standard_wire();
        wire.set_mtu(mtu);
        return wire;
    }

    MemoryFileSystem well_{32 << 20};
    MemoryFileSystem large_block_{16 << 20, 4096};
    MemoryFileSystem sick_;
    ImageFile image_{2 * ModestHosts::sectors_per_place, ImageFile::Fill::pattern, well_.folder()};
    ImageFile large_block_image_{ModestHosts::sectors_per_place, ImageFile::Fill::pattern,
                                 large_block_.folder()};
    std::vector<std::unique_ptr<ImageFile>> sick_images_;
    std::vector<std::unique_ptr<LoopDevice>> loops_;
    const VethPair& wire_;

  public:
    RawClient client;
    StubbornHosts hosts;

  private:
    std::optional<TargetProcess> target_;
    std::optional<Freeze> freeze_; // last, so that it ends first
};

} // namespace aoetest
