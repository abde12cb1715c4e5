# frozen_string_literal: true

# Installs the broker and its clients, with manual pages, completions and a service. The links by the
# names of Mosquitto's programs are left out: the formula mosquitto has them.
class Ferrymq < Formula
  desc "MQTT broker and clients in one program"
  homepage "https://github.com/ferrymq/ferrymq"
  license any_of: ["MIT", "Apache-2.0"]
  head "https://github.com/ferrymq/ferrymq.git", branch: "main"

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args(path: "crates/ferrymq")
    generate_completions_from_executable(bin/"ferrymq", "completions", shells: [:bash, :fish, :zsh])
    system bin/"ferrymq", "manual", buildpath/"manual"
    man1.install Dir["manual/man1/ferrymq*.1"]
    man5.install "manual/man5/ferrymq.conf.5"

    # The paths of Debian become those of Homebrew.
    configuration = (buildpath/"packaging/ferrymq.conf").read
    configuration.gsub!("/etc/ferrymq", "#{etc}/ferrymq")
    configuration.gsub!("/var/lib/ferrymq", "#{var}/lib/ferrymq")
    configuration.gsub!("systemctl reload ferrymq", "brew services restart ferrymq")
    (buildpath/"ferrymq.conf").write configuration
    (etc/"ferrymq").install "ferrymq.conf"
    (etc/"ferrymq/conf.d").mkpath
    (var/"lib/ferrymq").mkpath
  end

  service do
    run [opt_bin/"ferrymq", "serve", "--config-file", etc/"ferrymq/ferrymq.conf"]
    keep_alive true
    working_dir var/"lib/ferrymq"
    error_log_path var/"log/ferrymq.log"
  end

  test do
    port = free_port
    broker = spawn bin/"ferrymq", "serve", "--port", port.to_s, "--data", (testpath/"data").to_s
    begin
      tries = 0
      until quiet_system bin/"ferrymq", "pub", "-p", port.to_s, "-t", "house", "-m", "hello", "-r"
        tries += 1
        raise "the broker does not answer" if tries > 100

        sleep 0.1
      end
      output = shell_output("#{bin}/ferrymq sub -p #{port} -t house -C 1 -W 10")
      assert_equal "hello", output.strip
    ensure
      Process.kill("TERM", broker)
      Process.wait(broker)
    end
  end
end
