#include "reply_rules.hpp"

#include <algorithm>

namespace aoetest {

namespace {

class Findings {
  public:
    void expect(bool condition, const std::string& rule) {
        if (!condition)
            list_.push_back(rule);
    }
    std::vector<std::string> take() { return std::move(list_); }

  private:
    std::vector<std::string> list_;
};

std::string number(std::size_t value) {
    return std::to_string(value);
}

// lib/protocol/README.md, "The common header" and "Building an answer": the header, never a wildcard address,
// never below 60 bytes.
void check_header(Findings& findings, const Reply& reply) {
    findings.expect(reply.bytes.size() >= minimum_frame,
                    "a reply is at least 60 bytes, this one has " + number(reply.bytes.size()));
    findings.expect(reply.ethernet_type() == ethernet_type_aoe, "the Ethernet type is 0x88A2");
    findings.expect(reply.is_response(), "the R flag is set");
    findings.expect((reply.flags() & 0x03) == 0, "the reserved flag bits are zero");
    findings.expect(reply.version() == 1, "the version is 1");
    findings.expect(reply.is_error() == (reply.error() != 0),
                    "the error code is non-zero exactly when E is set");
    findings.expect(reply.error() <= 6, "the error codes are 1 to 6");
    findings.expect(reply.shelf() != every_shelf, "the shelf of a reply is not the wildcard");
    findings.expect(reply.slot() != every_slot, "the slot of a reply is not the wildcard");
}

// lib/protocol/README.md, "Building an answer": the length is exactly that of the content, padded with zeros
// to 60.
void check_length(Findings& findings, const Reply& reply, std::size_t content) {
    const std::size_t wanted = std::max(content, minimum_frame);
    findings.expect(reply.bytes.size() == wanted,
                    "the length is " + number(wanted) + ", not " + number(reply.bytes.size()));
    for (std::size_t i = content; i < reply.bytes.size(); ++i)
        if (reply.bytes[i] != 0) {
            findings.expect(false, "the padding is zero, but byte " + number(i) + " is not");
            return;
        }
}

bool carries_identify_sized_data(const Request& request) {
    const std::uint8_t features = request.byte_at(25);
    const bool smart_data =
        request.opcode() == ata::smart && (features == 0xD0 || features == 0xD1 || features == 0xD5);
    return request.opcode() == ata::identify || smart_data;
}

// Commands whose returned registers lib/protocol/README.md, "Registers in the answer" fixes without
// exception.
bool has_plain_registers(std::uint8_t opcode) {
    return ata::reads_data(opcode) || ata::writes_data(opcode) || opcode == ata::identify ||
           opcode == ata::flush_cache || opcode == ata::flush_cache_ext || opcode == ata::check_power_mode ||
           opcode == ata::data_set_management;
}

void check_ata(Findings& findings, const Reply& reply, const Request& request) {
    if (reply.is_error()) {
        check_length(findings, reply, 36);
        return;
    }
    std::size_t content = 36;
    if (reply.succeeded() && ata::reads_data(request.opcode()))
        content += sector_bytes * request.count();
    else if (reply.succeeded() && carries_identify_sized_data(request))
        content += sector_bytes;
    check_length(findings, reply, content);

    const std::uint8_t defined_aflags = aflag_extended | aflag_device | aflag_asynchronous | aflag_write;
    findings.expect((reply.aflags() & defined_aflags) == (request.byte_at(24) & defined_aflags),
                    "the aflags are echoed");
    findings.expect(reply.word_at(34) == 0, "bytes 34-35 are zero");
    const std::uint8_t status = reply.status();
    findings.expect(status == status_good || status == status_error || status == status_fault,
                    "the status is 0x40, 0x41 or 0x61, not " + number(status));
    findings.expect(status == status_good || reply.ata_error() != 0, "a failure has an error bit");
    if (!has_plain_registers(request.opcode()))
        return;
    if (status == status_good) {
        findings.expect(reply.ata_error() == 0, "the error register of a success is 0");
        const std::uint8_t count = request.opcode() == ata::check_power_mode ? 0xFF : 0;
        findings.expect(reply.count() == count, "the count register of a success is " + number(count) +
                                                    ", not " + number(reply.count()));
    }
    if (status == status_error &&
        (reply.ata_error() == error_abort || reply.ata_error() == error_id_not_found))
        findings.expect(reply.count() == request.count(), "a refusal echoes the request's count");
    if (reply.ata_error() != error_uncorrectable && status != status_fault) {
        bool echoed = true;
        for (std::size_t i = 28; i < 34; ++i)
            echoed = echoed && reply.byte_at(i) == request.byte_at(i);
        findings.expect(echoed, "the LBA registers are echoed");
    }
}

void check_config(Findings& findings, const Reply& reply) {
    findings.expect(reply.buffer_count() >= 2, "the buffer count is at least 2");
    findings.expect(reply.sectors_per_frame() >= 1, "the sector count is at least 1");
    findings.expect(reply.byte_at(29) >> 4 == 1, "the AoE version in byte 29 is 1");
    findings.expect(reply.config_length() <= 1024, "a config string has at most 1024 bytes");
    check_length(findings, reply, 32u + reply.config_length());
}

void check_mask(Findings& findings, const Reply& reply) {
    findings.expect(reply.byte_at(24) == 0, "byte 24 is zero");
    if (reply.mask_error() != 0) {
        check_length(findings, reply, 28); // the count says how far it came; no list follows
        return;
    }
    check_length(findings, reply, 28u + 8u * reply.mask_count());
    for (std::size_t i = 0; i < reply.mask_count(); ++i)
        findings.expect(reply.word_at(28 + 8 * i) == 0, "reserved and dcmd of a listed entry are zero");
}

// Error 5 echoes the rest of the header (lib/protocol/README.md, "Every received frame"); what follows is
// either echoed as well or zero.
void check_version_error(Findings& findings, const Reply& reply, const Request& request) {
    findings.expect(reply.bytes.size() == minimum_frame, "an error 5 reply has 60 bytes");
    const Bytes sent = request.encode();
    for (std::size_t i = 24; i < reply.bytes.size(); ++i) {
        const bool echoed = i < 36 && i < sent.size() && reply.bytes[i] == sent[i];
        findings.expect(echoed || reply.bytes[i] == 0, "byte " + number(i) + " of an error 5 reply is stale");
    }
}

} // namespace

std::vector<std::string> broken_rules(const Reply& reply, const Request& request) {
    Findings findings;
    check_header(findings, reply);
    findings.expect(reply.destination() == request.source, "a reply goes to the request's source");
    findings.expect(reply.command() == request.command, "the command is echoed");
    findings.expect(reply.tag() == request.tag, "the tag is echoed");
    findings.expect(request.shelf == every_shelf || reply.shelf() == request.shelf,
                    "the shelf is the one asked");
    findings.expect(request.slot == every_slot || reply.slot() == request.slot, "the slot is the one asked");

    if (reply.error() == 5)
        check_version_error(findings, reply, request);
    else if (reply.command() == command_ata)
        check_ata(findings, reply, request);
    else if (reply.command() == command_config) {
        if (reply.error() == 2 && reply.buffer_count() == 0) {
            check_length(findings, reply, 24); // the stored string does not fit the link: nothing is said
        } else {
            check_config(findings, reply);
            findings.expect(reply.ccmd() == (request.byte_at(29) & 0x0F), "the ccmd is echoed");
        }
    } else if (reply.command() == command_mask) {
        check_mask(findings, reply);
        findings.expect(reply.mcmd() == request.byte_at(25), "the mcmd is echoed");
    } else if (reply.command() == command_reserve) {
        check_length(findings, reply, 26u + 6u * reply.holder_count());
        findings.expect(reply.rcmd() == request.byte_at(24), "the rcmd is echoed");
    } else
        check_length(findings, reply, 24);
    return findings.take();
}

std::vector<std::string> broken_advertisement_rules(const Reply& reply) {
    Findings findings;
    check_header(findings, reply);
    findings.expect(!reply.is_error(), "an advertisement is not an error");
    findings.expect(reply.tag() == 0, "the tag of an advertisement is 0");
    findings.expect(reply.ccmd() == ccmd_read, "the ccmd of an advertisement is 0");
    check_config(findings, reply);
    return findings.take();
}

} // namespace aoetest
