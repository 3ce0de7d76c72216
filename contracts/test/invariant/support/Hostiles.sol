// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBurner} from "../../../src/interfaces/IBurner.sol";
import {IEscrow} from "../../../src/interfaces/IEscrow.sol";
import {Books, Entry} from "./Books.sol";

interface IAttempts {
    function attempt(address attacker, address target, bytes calldata data) external;
}

/// @notice Accounts with some tokens, every signature that was ever used, and no role, which call everything.
contract Hostiles is Books {
    error Changed();

    // --- noise ---

    /// @notice Any function, with words that mean something to somebody.
    function hostileNoise(uint256 seed) external {
        Entry memory entry = entries[roll(seed, "entry") % entries.length];
        uint256 words = 1 + roll(seed, "words") % 24;
        bytes memory data = abi.encodePacked(entry.selector);
        for (uint256 i = 0; i < words; ++i) {
            data = abi.encodePacked(data, plausible(roll(seed, "word") + i));
        }
        if (seed % 8 == 0) data = abi.encodePacked(data, uint8(seed));
        attack(entry.target, data, seed);
        did("noise");
    }

    /// @notice What has been used, again, as it was.
    function hostileReplay(uint256 seed) external {
        if (usedCalls.length == 0) return;
        uint256 i = roll(seed, "used") % usedCalls.length;
        attack(usedTargets[i], usedCalls[i], seed);
        did("replay");
    }

    /// @notice What has been used, with one word of it changed, or cut short.
    function hostileMutation(uint256 seed) external {
        if (usedCalls.length == 0) return;
        uint256 i = roll(seed, "used") % usedCalls.length;
        bytes memory data = usedCalls[i];
        if (data.length < 36) return;
        if (seed % 8 == 0) {
            uint256 length = 4 + roll(seed, "cut") % (data.length - 4);
            assembly ("memory-safe") {
                mstore(data, length)
            }
        } else {
            uint256 at = 4 + 32 * (roll(seed, "at") % ((data.length - 4) / 32));
            uint256 value = uint256(plausible(roll(seed, "value")));
            assembly ("memory-safe") {
                let place := add(add(data, 0x20), at)
                if iszero(mod(value, 3)) { value := add(mload(place), 1) }
                mstore(place, value)
            }
        }
        attack(usedTargets[i], data, seed);
        did("mutation");
    }

    /// @dev Whatever it answers, nothing but the attacker's own may have changed. What anybody may do with its own, or pay
    /// for, is taken back: the books know nothing of it.
    function attack(address target, bytes memory data, uint256 seed) private {
        address attacker = hostiles[roll(seed, "attacker") % HOSTILES];
        try IAttempts(address(this)).attempt(attacker, target, data) {}
        catch (bytes memory why) {
            require(bytes4(why) == Changed.selector, "an attack that could not be made");
            require(isOwnBusiness(target, bytes4(data)), "invariant 15: a call of no worth changed something");
        }
    }

    function attempt(address attacker, address target, bytes calldata data) external {
        require(msg.sender == address(this), "only here");
        (bytes32 before, bytes32 stagedBefore) = fingerprint();
        vm.prank(attacker);
        (bool ok,) = target.call(data);
        if (!ok) return;
        (bytes32 state, bytes32 staged) = fingerprint();
        if (state != before || staged != stagedBefore) revert Changed();
    }

    /// @dev Functions by which an account moves or burns what is its own, for its own IOSD or another's gain.
    function isOwnBusiness(address target, bytes4 selector) private view returns (bool) {
        if (target == address(io)) return selector == io.transfer.selector;
        if (target == address(iosd)) return selector == iosd.transfer.selector;
        if (target == address(escrow)) return selector == IEscrow.deposit.selector;
        if (target != address(burner)) return false;
        return selector == IBurner.burnExactIn.selector || selector == IBurner.burnExactOut.selector;
    }

    // --- words ---

    function plausible(uint256 seed) private view returns (bytes32) {
        uint256 kind = seed % 12;
        uint256 pick = uint256(keccak256(abi.encode(seed)));
        if (kind == 0) return bytes32(pick);
        if (kind == 1) return bytes32(uint256(uint160(deployed[pick % deployed.length])));
        if (kind == 2) return bytes32(uint256(uint160(people[pick % PEOPLE])));
        if (kind == 3) return bytes32(uint256(uint160(hostiles[pick % HOSTILES])));
        if (kind == 4) return bytes32(32 * (pick % 16));
        if (kind == 5) return bytes32(uint256(nextEpoch) + pick % 3);
        if (kind == 6) return bytes32(vm.getBlockTimestamp() + pick % 100);
        if (kind == 7) return pick % 2 == 0 ? rewardRoot : debitRoot;
        if (kind == 8) return bytes32(type(uint256).max >> (8 * (pick % 32)));
        if (kind == 9) return bytes32((1 + pick % 1000) * 1e18);
        return bytes32(pick % 4);
    }
}
