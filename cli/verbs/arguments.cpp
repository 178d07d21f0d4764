// Sets CLI11 up, and turns its errors into ours.
#include "verbs/arguments.hpp"

#include "text.hpp"
#include "usage_error.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace cli {

ArgumentParser::ArgumentParser(const std::string& verb) : app_(std::make_unique<CLI::App>("", verb)) {
    app_->set_help_flag("-h,--help");
}

ArgumentParser::~ArgumentParser() = default;

void ArgumentParser::add_option(const std::string& names, std::string& value) {
    app_->add_option(names, value);
}

void ArgumentParser::add_option(const std::string& names, std::optional<std::string>& value) {
    app_->add_option(names, value);
}

void ArgumentParser::add_option(const std::string& names, double& value) {
    app_->add_option(names, value);
}

void ArgumentParser::add_option(const std::string& names, std::uint64_t& value) {
    app_->add_option(names, value);
}

void ArgumentParser::add_option(const std::string& names, std::vector<std::string>& values) {
    app_->add_option(names, values)->allow_extra_args(false);
}

void ArgumentParser::add_flag(const std::string& names, bool& value) {
    app_->add_flag(names, value);
}

void ArgumentParser::add_operand(const std::string& name, std::string& value) {
    app_->add_option(name, value)->required();
}

void ArgumentParser::add_optional_operand(const std::string& name, std::optional<std::string>& value) {
    app_->add_option(name, value);
}

namespace {

/// CLI11 begins the texts of these errors with the option.
std::string in_our_words(const CLI::ParseError& error) {
    const std::string text = error.what();
    const std::string option = text.substr(0, text.find(':'));
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr)
        return text.find("At Most") != std::string::npos ? option + " is given more than once; keep one"
                                                         : option + " needs a value";
    if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
        const std::string_view assignment = std::string_view(text).substr(text.rfind(':') + 1);
        const std::size_t equals = assignment.find(" = ");
        if (equals != std::string_view::npos)
            return fmt::format("{} cannot be '{}'; write a number", assignment.substr(1, equals - 1),
                               printable(assignment.substr(equals + 3)));
    }
    return text;
}

} // namespace

bool ArgumentParser::parse(const Arguments& arguments) {
    try {
        app_->parse(Arguments(arguments.rbegin(), arguments.rend())); // CLI11 takes them from the back
    } catch (const CLI::CallForHelp&) {
        return false;
    } catch (const CLI::ParseError& error) {
        throw UsageError(fmt::format("{}: {}; see 'aoetarget {} --help'", app_->get_name(),
                                     single_line(in_our_words(error)), app_->get_name()));
    }
    return true;
}

bool ArgumentParser::has(const std::string& option) const {
    return app_->count(option) > 0;
}

} // namespace cli
